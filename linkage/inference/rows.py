"""Rows of the ledger's views as what the statistics are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

from linkage.domain.performance import Observation, OpenPosition

LABELS: Mapping[str, str] = {
    "snapshot": "snapshot_id",
    "label": "label",
    "params_hash": "params_hash",
    "strategy": "strategy",
    "arm": "arm",
    "bot": "bot_id",
    "mode": "mode",
    "symbol": "symbol",
    "trigger": "entry_trigger",
    "exit_kind": "exit_kind",
    "side": "side",
}
"""What can be grouped by, and the column that says it; ``score`` and ``hour`` (UTC) are made here."""

SCORE_WIDTH = Decimal("0.5")

_DIGITS = 80
"""More than a score has before and after the point."""


def observation(row: Mapping[str, Any]) -> Observation:
    """Return a row of ``episode_results`` that is closed and priced.

    Args:
        row: its columns by name; ``slippage`` may be added to them, as the share that the entries lost.
    """
    return Observation(
        episode_id=str(row["episode_id"]),
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        net_pnl=row["net_pnl"],
        entry_notional=row["entry_value"],
        currency=row["quote_currency"],
        risk=row.get("initial_risk"),
        entry_bar=row.get("bar_time"),
        propensity=row.get("propensity"),
        slippage=row.get("slippage"),
        delay=row.get("entry_delay"),
        fees_complete=bool(row.get("fees_complete", True)),
        mixed=bool(row.get("mixed", False)),
        labels=_labels(row),
    )


def open_position(row: Mapping[str, Any]) -> OpenPosition:
    """Return a row of ``open_lots``."""
    return OpenPosition(
        opened_at=row["opened_at"],
        pnl_at_mark=row["open_pnl"],
        entry_notional=row["entry_value"],
        currency=row["quote_currency"],
        propensity=row.get("propensity"),
        labels=_labels(row),
    )


def score_bucket(score: Decimal | None, *, width: Decimal = SCORE_WIDTH) -> str | None:
    """Return the half-open bucket of a score as text, such as ``3 to 3.5``; None without a score."""
    if score is None:
        return None
    with localcontext(prec=_DIGITS):
        low = (score // width - (score % width < 0)) * width
        return f"{_short(low)} to {_short(low + width)}"


def _labels(row: Mapping[str, Any]) -> dict[str, str]:
    found = {name: row.get(column) for name, column in LABELS.items()}
    found["score"] = score_bucket(row.get("entry_score"))
    opened: datetime = row["opened_at"]
    found["hour"] = f"{opened.astimezone(UTC):%H}:00"
    return {name: str(value) for name, value in found.items() if value is not None}


def _short(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
