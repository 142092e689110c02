"""The outcome: the ledger compared with the truth, and the folder that shows it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

from demo.market import BAR
from demo.plan import Plan
from demo.stage import Stage
from demo.truth import Notebook, StoredLink, compare, recompute_links
from functions.report.rendering.images import beside, images_of
from linkage.adapters.markets.files import FileMarket
from linkage.adapters.postgres.statements import statement
from linkage.domain.canonical import iso_utc
from linkage.domain.ids import FIRST_PARTY_BOT

LINKS = statement(__file__, "links")
EXECUTED_LINKS = statement(__file__, "linked_orders")
COUNTS = statement(__file__, "counts")
OWN = statement(__file__, "own_counts")
TRIGGERS = statement(__file__, "triggers")
EXPECTED_TRIGGERS = ("score", "roc_momo", "take_profit", "stop_loss")
SNAPSHOTS = "SELECT snapshot_id, parameters FROM strategy_snapshots"
SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """The demonstration in numbers; ``summary.json`` has these names.

    Attributes:
        strategy_orders: executed orders that are expected to have a link.
        linkage_rate: linked ÷ (linked + lost + conflict); 0 when there are none.
        wrong_links: links that differ from what was written down beforehand, and links that are missing.
        own_links: executed orders of our own strategy that are linked.
        recomputed: how many of those come out the same from their snapshot and the candles.
        triggers: executed orders of our own strategy, by trigger.
        partial_fills: orders of ours that filled in parts. cumulative_events: records of what an order has
            executed so far. own_refused: orders of ours that the venue rejected. replaced: orders that took
            another one's place. suppressed: signals that a guardrail held back.
        withheld_before: disposition of the order whose signal came last, before it came.
        problems: a sentence on each difference, at most twenty.
    """

    strategy_orders: int
    linked: int
    pending: int
    lost: int
    conflict: int
    external: int
    refused: int
    triggers: Mapping[str, int]
    partial_fills: int
    cumulative_events: int
    own_refused: int
    replaced: int
    suppressed: int
    linkage_rate: float
    wrong_links: int
    own_links: int
    recomputed: int
    bots: int
    symbols: int
    bracket_children: int
    fills: int
    signals: int
    snapshots: int
    runs: int
    duplicates: int
    quarantined: int
    withheld_before: str | None
    market: str
    deploy_seconds: float
    replay_seconds: float
    total_seconds: float
    problems: Sequence[str]

    @property
    def absent(self) -> Sequence[str]:
        """What a demonstration has to include, and this one does not."""
        counts = {
            **{f"orders by {name}": self.triggers.get(name, 0) for name in EXPECTED_TRIGGERS},
            "partial fills": self.partial_fills,
            "cumulative events": self.cumulative_events,
            "rejected orders": self.own_refused,
            "replaced orders": self.replaced,
            "suppressed signals": self.suppressed,
        }
        return [name for name, count in counts.items() if not count]

    @property
    def is_good(self) -> bool:
        """Whether nothing differs and nothing is absent."""
        return (
            self.linkage_rate == 1.0
            and self.wrong_links == 0
            and self.recomputed == self.own_links
            and self.pending == 0
            and not self.absent
            and not self.problems
        )


def judge(
    stage: Stage,
    plan: Plan,
    book: Notebook,
    *,
    problems: Sequence[str],
    duplicates: int,
    withheld_before: str | None,
    seconds: Mapping[str, float],
) -> Summary:
    """Ask the ledger, compare its answers with the truth, and return the summary.

    Args:
        problems: those of the replay.
        seconds: ``deploy``, ``replay`` and ``total``.
    """
    links = [StoredLink.from_row(row) for row in stage.query(LINKS)]
    executed = {row["order_id"] for row in stage.query(EXECUTED_LINKS)}
    snapshots = {UUID(str(row["snapshot_id"])): _parameters(row) for row in stage.query(SNAPSHOTS)}
    answers = {**stage.query(COUNTS)[0], **stage.query(OWN)[0]}
    counts = {name: int(value) for name, value in answers.items()}
    wrong, missing = compare(links, book)
    own = [link for link in links if link.bot_id == FIRST_PARTY_BOT and link.order_id in executed]
    recomputed, different = recompute_links(own, snapshots, FileMarket(plan.market.folder))
    differences = [*problems, *wrong, *missing, *different]
    if counts["quarantined"]:
        differences.append(f"{counts['quarantined']} events were quarantined")
    judged = counts["linked"] + counts["lost"] + counts["conflict"]
    return Summary(
        **counts,
        triggers={row["trigger_type"]: int(row["orders"]) for row in stage.query(TRIGGERS)},
        linkage_rate=counts["linked"] / judged if judged else 0.0,
        wrong_links=len(wrong) + len(missing),
        own_links=len(own),
        recomputed=recomputed,
        duplicates=duplicates,
        withheld_before=withheld_before,
        market=plan.market.source,
        deploy_seconds=round(seconds["deploy"], 1),
        replay_seconds=round(seconds["replay"], 1),
        total_seconds=round(seconds["total"], 1),
        problems=differences[:SHOWN_PROBLEMS],
    )


def send_report(stage: Stage, plan: Plan, *, recipient: str) -> Mapping[str, Any]:
    """Have the report of the whole replay mailed, and return its parts.

    The bodies are those of the mail that was sent.
    """
    reply: Mapping[str, Any] = stage.invoke(
        "SendReportFunction",
        {
            "start": iso_utc(plan.market.runs[0] - BAR),
            "end": iso_utc(plan.market.runs[-1] + BAR),
            "recipients": [recipient],
            "send": True,
            "return_bodies": True,
        },
    )
    return reply


def write_report(folder: Path, report: Mapping[str, Any], mail: EmailMessage) -> None:
    """Write the report's files into a folder.

    Args:
        mail: as the local mailbox has it: without the attachments, which are added again.
    """
    for name, text in report["csv"].items():
        mail.add_attachment(text.encode(), maintype="text", subtype="csv", filename=Path(name).name)
    html, pictures = beside(report["html"], images_of(report))
    for name, png in pictures.items():
        (folder / name).write_bytes(png)
    (folder / "report.html").write_text(html, encoding="utf-8")
    (folder / "report.txt").write_text(report["text"], encoding="utf-8")
    (folder / "report.eml").write_bytes(mail.as_bytes())
    for name, text in report["csv"].items():
        (folder / Path(name).name).write_text(text, encoding="utf-8", newline="")


def write_summary(folder: Path, summary: Summary) -> None:
    """Write ``summary.json``."""
    text = json.dumps(asdict(summary), indent=2, ensure_ascii=False) + "\n"
    (folder / "summary.json").write_text(text, encoding="utf-8")


@contextmanager
def draft_of(target: Path, drafts: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes the target when the block succeeds, and is removed when it fails.

    Args:
        target: what is there before gives way.
        drafts: where the draft is until then; at best on the same file system.
    """
    draft, old = drafts / "draft", drafts / "old"
    for left_over in (draft, old):
        shutil.rmtree(left_over, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.move(target, old)
        shutil.move(draft, target)
    finally:
        for left_over in (draft, old):
            shutil.rmtree(left_over, ignore_errors=True)


def _parameters(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    value = row["parameters"]
    parsed = json.loads(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict) else None
