"""The queue that fills and order events wait in, and what failed for good."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.constructs.nag import acknowledge

# A database that is down for two hours must not send good fills to the dead letters. What can never be
# understood does not come this far: the recorder quarantines it at first sight.
MAX_RECEIVE_COUNT = 50


class FillsQueue(Construct):
    """The fills queue and its dead letters.

    Dead letters keep the age of the first enqueue, so both retain messages for the longest time there is.

    Args:
        visibility_seconds: at least six times the consumer's time-out, plus its batch window.
    """

    def __init__(self, scope: Construct, construct_id: str, *, visibility_seconds: int) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.queue = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(visibility_seconds),
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=MAX_RECEIVE_COUNT
            ),
        )


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """Return a queue for what failed for good; it retains messages for fourteen days."""
    queue = sqs.Queue(
        scope,
        construct_id,
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
    )
    reason = "It holds dead letters itself; alarms watch its depth."
    acknowledge(queue, "AwsSolutions-SQS3", reason)
    acknowledge(queue, "Serverless-SQSRedrivePolicy", reason, pack="Serverless")
    return queue
