"""The keys that sign our own webhooks: current and previous."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.cdk.constructs.nag import acknowledge


class WebhookKeys(Construct):
    """A secret without keys yet; ``bootstrap`` puts the first one in, the command rotates it.

    Args:
        protected: it outlives its stack.

    Attributes:
        arn: of the secret.
    """

    def __init__(self, scope: Construct, construct_id: str, *, protected: bool) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description='{"webhook_keys": [current, previous, ...]}',
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"webhook_keys": []}',  # noqa: S106 - holds no key yet
                generate_string_key="placeholder",
            ),
            removal_policy=RemovalPolicy.RETAIN if protected else RemovalPolicy.DESTROY,
        )
        resource = self.secret.node.default_child
        assert isinstance(resource, secretsmanager.CfnSecret)
        # In AWS the same as Ref, which CDK uses; the emulator's Ref is the name, which fits no policy.
        self.arn = resource.attr_id
        acknowledge(
            self.secret,
            "AwsSolutions-SMG4",
            "Both sides hold the previous key too; the command rotates, so no function may write keys.",
        )
