"""The CDK app: ``-c stage=local|dev|prod`` chooses what is synthesised; dev by default."""

from __future__ import annotations

from typing import Any

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.operations import OperationsStack
from infra.cdk.stacks.service import ServiceStack
from infra.cdk.stages import check_context_names, load_stage


def build_app(**arguments: Any) -> App:
    """Return the app with its three stacks, not yet synthesised.

    Args:
        arguments: of ``aws_cdk.App``: ``context``, ``outdir``.
    """
    app = App(analytics_reporting=False, **arguments)
    check_context_names(app.node.get_all_context())
    stage = load_stage(app.node.try_get_context)
    data = DataStack(app, stage=stage)
    service = ServiceStack(app, stage=stage, data=data)
    if stage.local is None:
        # The emulator knows no saved queries, and an alarm on this machine would notify no one.
        OperationsStack(app, stage=stage, data=data, service=service)
    Tags.of(app).add("product", "linkage")
    Tags.of(app).add("stage", stage.name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    return app


if __name__ == "__main__":
    build_app().synth()
