"""A backtest from its request to its report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from functions.report.rendering.images import beside
from functions.report.rendering.render import RenderedReport, render
from linkage.adapters.postgres.statements import statement
from linkage.contracts.report import ReportDocument
from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.facts import FactBatch, Window
from local.backtest.history import History
from local.backtest.ledger import OwnLedger
from local.backtest.trading import Progress, Traded, formatted, trade
from local.backtest.trials import Trial

STAGE = "backtest"
_LOT_SECONDS = 600.0
_COUNTS = statement(__file__, "counts")
_EPISODES = statement(__file__, "episodes")
_TRIGGERS = statement(__file__, "triggers")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a backtest.

    Attributes:
        result: as in the row of ``trials``. report: of the whole period.
    """

    trial: Trial
    result: Mapping[str, Any]
    document: ReportDocument
    report: RenderedReport

    @property
    def all_linked(self) -> bool:
        """Whether every order that was executed is linked with its parameters."""
        return bool(self.result["executed"] == self.result["linked"])


def run(history: History, ledger: OwnLedger, progress: Progress, *, tried_at: datetime) -> Outcome:
    """Trade a history into a ledger, and read its report.

    Args:
        tried_at: stamped on the trial; nothing else depends on it.
    """
    traded = Traded()
    _record(trade(history, traded, progress), ledger, progress)
    progress("reading the report", 0, 1)
    while ledger.lots.match_lots(seconds=_LOT_SECONDS).further:
        pass
    result = _result(history, traded, ledger)
    trial = Trial(
        strategy=history.strategy.name,
        params_hash=history.snapshot.params_hash,
        config_hash=history.snapshot.config_hash,
        data_hash=history.data_hash,
        start=history.start,
        end=history.end,
        result=result,
        tried_at=tried_at,
        label=history.snapshot.label,
    )
    ledger.save(trial)
    read = ledger.reading.report(Window(history.start, history.end))
    document = ReportDocument.model_validate(_as_of(history.end, read))
    report = render(document, stage=STAGE)
    progress("reading the report", 1, 1)
    return Outcome(trial, result, document, report)


def _record(batches: Iterable[FactBatch], ledger: OwnLedger, progress: Progress) -> None:
    """Record facts and resolve links as the recorder does, while further batches are made."""
    writing = ledger.writing

    def write(batch: FactBatch) -> None:
        recorded = writing.record(batch)
        if recorded.quarantined:
            raise AssertionError(f"the ledger refused a fact of ours: {recorded.quarantined[0].reason}")
        writing.resolve(recorded.touched)

    with ThreadPoolExecutor(max_workers=1) as recorder:
        waiting = [recorder.submit(write, batch) for batch in batches]
        for number, write_of_batch in enumerate(waiting):
            progress("recording", number, len(waiting))
            write_of_batch.result()
    progress("recording", len(waiting), len(waiting))


def _as_of(end: datetime, read: Mapping[str, Any]) -> Any:
    """Return a report as if it had been read at the end of its period, so that two of them are equal."""
    since = Decimal(str((parse_utc(str(read["read_at"])) - end).total_seconds()))

    def moved(value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: moved(member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [moved(member) for member in value]
        if value is not None and name in ("read_at", "lots_as_of"):
            return iso_utc(end)
        if value is not None and name == "oldest_seconds":
            return str(Decimal(str(value)) - since)
        return value

    return moved(read)


def files_of(outcome: Outcome) -> dict[str, str | bytes]:
    """Return the report's files, by name. They are the same whenever the same thing is tried."""
    html, pictures = beside(outcome.report.html, outcome.report.images)
    document = outcome.document.model_dump(mode="json")
    trial = {name: value for name, value in outcome.trial.document().items() if name != "tried_at"}
    return {
        "report.html": html,
        "report.txt": outcome.report.text,
        "report.json": json.dumps({"trial": trial, "report": document}, indent=2, ensure_ascii=False) + "\n",
        **outcome.report.csv,
        **pictures,
    }


def _result(history: History, traded: Traded, ledger: OwnLedger) -> dict[str, Any]:
    (orders,) = ledger.rows(_COUNTS)
    (episodes,) = ledger.rows(_EPISODES)
    return {
        "symbols": list(history.candles.symbols),
        "refused": dict(history.candles.refused),
        "bars": history.bars,
        "signals": sum(traded.sent.values()),
        "suppressed": dict(sorted(traded.suppressed.items())),
        "executed": orders.executed,
        "linked": orders.linked,
        "exits": orders.exits,
        "episodes": {
            "closed": episodes.closed,
            "open": episodes.still_open,
            "won": episodes.won,
            "lost": episodes.lost,
        },
        "by_trigger": {row.trigger_name: row.orders for row in ledger.rows(_TRIGGERS)},
        "money": {quote: formatted(money) for quote, money in sorted(traded.money.items())},
    }
