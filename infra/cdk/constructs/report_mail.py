"""The address that reports come from, and the right to send from it."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction
from infra.cdk.stages import Stage

SEND_ACTIONS = ("ses:SendEmail", "ses:SendRawEmail")


class ReportMail(Construct):
    """An SES identity, created or already there, and a configuration set."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self.configuration_set = ses.CfnConfigurationSet(
            self,
            "ConfigurationSet",
            name=f"linkage-{stage.name}",
            reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(
                reputation_metrics_enabled=True
            ),
            sending_options=ses.CfnConfigurationSet.SendingOptionsProperty(sending_enabled=True),
            # An address that bounced or complained is not written to again.
            suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(
                suppressed_reasons=["BOUNCE", "COMPLAINT"]
            ),
            delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
        )
        if not stage.import_sender:
            ses.CfnEmailIdentity(self, "Sender", email_identity=stage.sender)

    def grant_send(self, function: LinkageFunction) -> None:
        """Allow a function to send raw mail: from the sender, through the configuration set.

        In the SES sandbox AWS asks for the same permission on every recipient's identity.
        """
        identities = [self._stage.sender]
        if self._stage.import_sender:
            identities.append(self._stage.sender.split("@")[-1])
        if self._stage.mail_sandbox:
            identities += self._stage.all_recipients
        resources = [self._arn("identity", name) for name in dict.fromkeys(identities)]
        resources.append(self._arn("configuration-set", f"linkage-{self._stage.name}"))
        if self._stage.local is not None:
            # The emulator checks the right to send on no resource at all, which no ARN matches.
            resources = ["*"]
        function.grant(SEND_ACTIONS, resources)

    def _arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(service="ses", resource=resource, resource_name=name)
