"""When which parameters came into force, and who wrote the documents that they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from cli.cloud import Cloud
from cli.stage_parameters import changes_of_arms, decoded, query_ledger, stage_of
from linkage.adapters.postgres.statements import statement
from linkage.domain.canonical import iso_utc
from linkage.domain.changes import changes_between
from linkage.domain.errors import ConfigurationError
from linkage.strategy.arms import Arm, default_arms, parse_arms

_ACTIVATIONS = statement(__file__, "activations")


def read_activations(cloud: Cloud, limit: int) -> list[dict[str, Any]]:
    """Return when which snapshots came into force and what they changed, newest first."""
    rows = query_ledger(
        cloud,
        # The function takes no parameters beside the statement.
        f"{_ACTIVATIONS}LIMIT {limit:d}",
    )
    for row in rows:
        before, after = row.pop("before"), row.pop("parameters")
        if after is None:
            row["changes"] = ["nobody described it"]
        elif before is None:
            row["changes"] = ["the first one"]
        else:
            changes = changes_between(decoded(before), decoded(after))
            row["changes"] = [change.text for change in changes]
    return rows


def read_documents(cloud: Cloud, limit: int) -> list[dict[str, Any]]:
    """Return the documents that were written to Parameter Store and what they changed, newest first."""
    client, name = cloud.client("ssm"), cloud.output("ParametersName")
    versions: list[dict[str, Any]] = []
    request: dict[str, Any] = {"Name": name, "WithDecryption": True, "MaxResults": 50}
    try:
        while True:
            page = client.get_parameter_history(**request)
            versions += page["Parameters"]
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
    stage = stage_of(cloud)
    documents: list[dict[str, Any]] = []
    before: Sequence[Arm] = default_arms(stage.strategy)
    for version in sorted(versions, key=lambda version: int(version["Version"])):
        try:
            arms = parse_arms(stage.strategy, version["Value"])
        except ConfigurationError as error:
            changes = [f"refused: {error}"]
        else:
            known = replace(stage, document=None, problem=None, arms=before)
            changes, before = changes_of_arms(known, arms) or ["nothing"], arms
        documents.append(
            {
                "version": int(version["Version"]),
                "at": iso_utc(version["LastModifiedDate"]),
                "by": version.get("LastModifiedUser"),
                "changes": changes,
            }
        )
    return documents[::-1][:limit]
