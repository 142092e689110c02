"""Logs Insights queries that operators open instead of writing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.cdk.constructs.function import LinkageFunction
from infra.cdk.stages import Stage


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query.

    Attributes:
        name: what it shows.
        entry_points: whose logs it reads; none means all functions'.
        lines: the query.
    """

    name: str
    entry_points: Sequence[str]
    lines: Sequence[str]


_RECORDERS = ("record_fills", "archive_signals", "sweep")
_UNLINKED = (
    "No metadata cached",
    "Events quarantined",
    "Hot store unavailable",
    "Ledger unavailable",
    "Delivery failed",
)

QUERIES = (
    SavedQuery(
        "linkage-by-hour",
        ("receive", *_RECORDERS),
        (
            "fields @timestamp, message, links",
            'filter message in ["STRATEGY_CACHE stored", "STRATEGY_LINK created", "No metadata cached"]',
            "stats sum(links) as links_made, count(*) as lines by bin(1h) as hour, message",
            "sort hour desc",
        ),
    ),
    SavedQuery(
        "unlinked-with-reason",
        _RECORDERS,
        (
            "fields @timestamp, message, client_order_ids.0, reasons.0, links_left_to, reason",
            f"filter message in {json.dumps(_UNLINKED)}",
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
    SavedQuery(
        "refused-webhooks",
        ("receive",),
        (
            'filter message in ["Request refused", "Request failed"]',
            "stats count(*) as requests, max(@timestamp) as latest by status_code, route, field, reason",
            "sort requests desc",
        ),
    ),
    SavedQuery(
        "slowest-invocations",
        (),
        (
            'filter @type = "REPORT"',
            "fields @log, @requestId, @duration, @initDuration, @maxMemoryUsed / 1048576 as memory_mb",
            "sort @duration desc",
            "limit 50",
        ),
    ),
    SavedQuery(
        "story-of-one-order",
        (),
        (
            "fields @timestamp, @log, service, level, message",
            "# Put the client_order_id between the slashes.",
            "filter @message like /client_order_id/",
            "sort @timestamp asc",
            "limit 500",
        ),
    ),
)


class SavedQueries(Construct):
    """The queries, under ``linkage-<stage>/`` in the console."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        functions: Mapping[str, LinkageFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        for query in QUERIES:
            entry_points = query.entry_points or tuple(functions)
            logs.CfnQueryDefinition(
                self,
                "".join(part.title() for part in query.name.split("-")),
                name=f"linkage-{stage.name}/{query.name}",
                query_string=_text(query.lines),
                log_group_names=[f"/aws/lambda/{stage.function_name(name)}" for name in entry_points],
            )


def _text(lines: Sequence[str]) -> str:
    """Join commands by pipes; a comment is a line of its own."""
    first, *others = lines
    return first + "".join(f"\n{line}" if line.startswith("#") else f"\n| {line}" for line in others)
