"""Parameter set against parameter set, over everything that the ledger has of them.

Compared are the sets that closed an episode in a window, within one mode, currency and strategy, with the one
that was in force last in the arm ``main``; if there is only that one, with the one before it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import prod
from typing import TYPE_CHECKING
from uuid import UUID

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.episodes import observations, positions, split
from linkage.adapters.postgres.read.performance_mapping import interval, number, performance_row
from linkage.adapters.postgres.read.rows import Row, fetch_rows
from linkage.adapters.postgres.statements import statement
from linkage.contracts.performance import ComparedSet, ComparisonRow
from linkage.domain.changes import changes_between
from linkage.domain.facts import Window

if TYPE_CHECKING:
    from linkage.inference.comparison import Comparison
    from linkage.inference.records import ParameterSet

MAX_COMPARED = 100_000
"""Episodes that are compared in all, the latest ones."""
MAX_SETS = 30
MARKET_SYMBOLS = 20
"""Symbols that the market's return is taken of: those that the set traded most."""
MARKET_SPELLS = 100
MAIN = "main"

COMPARED_SETS = statement(__file__, "compared_sets")
SPELLS = statement(__file__, "spells")
EPISODES_OF_SETS = statement(__file__, "episodes_of_sets")
COUNT_TRIED = statement(__file__, "count_tried")
MARKET_PRICES = statement(__file__, "market_prices")


def count_tried(connection: Connection) -> int:
    """Return how many parameter sets were ever tried: on an exchange, on paper, on candles of the past."""
    (row,) = fetch_rows(connection, COUNT_TRIED, {})
    tried: int = row["tried"]
    return tried


def compare_sets(
    connection: Connection,
    window: Window,
    *,
    at: datetime,
    closed: Sequence[Row],
    still_open: Sequence[Row],
    tried: int,
) -> list[ComparisonRow]:
    """Return the comparisons of one mode.

    Args:
        connection: in the report's transaction.
        window: the sets are those that closed an episode in it; what closed after it is not looked at.
        at: moment of the marks.
        closed, still_open: the mode's rows of the window, and what is open, as ``Results`` read them.
        tried: how many sets were ever tried.
    """
    groups: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    for row in closed:
        if row["snapshot_id"] is not None and row["strategy"] is not None:
            groups[row["quote_currency"], row["strategy"]].add(row["snapshot_id"])
    strategies = sorted({strategy for _, strategy in groups})
    spells = (
        fetch_rows(connection, SPELLS, {"strategies": strategies, "end": window.end}) if strategies else []
    )
    comparisons: list[ComparisonRow] = []
    for (currency, strategy), involved in sorted(groups.items(), key=lambda group: group[0]):
        of_strategy = [spell for spell in spells if spell["strategy"] == strategy]
        reference, ids = _reference(of_strategy, involved)
        if reference is None or len(ids) < 2:
            continue
        group = _Group(connection, window=window, at=at, currency=currency, ids=ids, spells=of_strategy)
        in_currency = [row for row in still_open if row["quote_currency"] == currency]
        comparisons += group.compare(reference, in_currency, tried)
    return comparisons


def _reference(spells: Sequence[Row], involved: set[UUID]) -> tuple[UUID | None, set[UUID]]:
    """Return the set to compare with, and all sets with it."""
    main: list[UUID] = [spell["snapshot_id"] for spell in spells if spell["arm"] == MAIN]
    if not main:
        return min(involved, key=str), involved
    reference, ids = main[-1], {*involved, main[-1]}
    if len(ids) == 1:
        ids.update([snapshot_id for snapshot_id in reversed(main) if snapshot_id != reference][:1])
    return reference, ids


class _Group:
    """The sets of one mode, currency and strategy."""

    def __init__(
        self,
        connection: Connection,
        *,
        window: Window,
        at: datetime,
        currency: str,
        ids: set[UUID],
        spells: Sequence[Row],
    ) -> None:
        self._connection, self._window, self._at, self._currency = connection, window, at, currency
        self._spells = spells
        self._sets = {
            row["snapshot_id"]: row for row in fetch_rows(connection, COMPARED_SETS, {"ids": list(ids)})
        }
        limits = {"ids": list(ids), "end": window.end, "limit": MAX_COMPARED}
        self._episodes: dict[UUID, list[Row]] = defaultdict(list)
        for row in split(connection, fetch_rows(connection, EPISODES_OF_SETS, limits)):
            if row["quote_currency"] == currency:
                self._episodes[row["snapshot_id"]].append(row)

    def compare(self, reference: UUID, still_open: Sequence[Row], tried: int) -> list[ComparisonRow]:
        """Compare all sets with one of them."""
        from linkage.inference.comparison import compare

        with_episodes = [
            snapshot_id
            for snapshot_id in self._sets
            if self._episodes[snapshot_id] or snapshot_id == reference
        ]
        ids = with_episodes[:MAX_SETS]
        if reference not in ids:
            return []
        sets = {snapshot_id: self._set(snapshot_id, still_open) for snapshot_id in ids}
        compared = {snapshot_id: self._compared(snapshot_id, record) for snapshot_id, record in sets.items()}
        verdicts = compare(list(sets.values()), reference=str(reference), tried=tried)
        return [self._row(verdict, compared) for verdict in verdicts]

    def _set(self, snapshot_id: UUID, still_open: Sequence[Row]) -> ParameterSet:
        from linkage.inference.records import ParameterSet

        episodes = observations(self._episodes[snapshot_id])
        spells = [
            Window(spell["start"], spell["end"])
            for spell in self._spells
            if spell["snapshot_id"] == snapshot_id and spell["start"] < spell["end"]
        ]
        return ParameterSet(
            key=str(snapshot_id),
            episodes=episodes,
            open_positions=positions([row for row in still_open if row["snapshot_id"] == snapshot_id]),
            spells=spells,
            market_return=self._market(snapshot_id, spells),
        )

    def _compared(self, snapshot_id: UUID, record: ParameterSet) -> ComparedSet:
        from linkage.inference.summary import summarise

        described = self._sets[snapshot_id]
        rows = summarise(record.episodes, by=("snapshot",), at=self._at, open_positions=record.open_positions)
        # An arm's snapshot has one row: all its episodes are of one mode and currency.
        return ComparedSet(
            snapshot_id=snapshot_id,
            label=described["label"],
            strategy=described["strategy"],
            arms=sorted({spell["arm"] for spell in self._spells if spell["snapshot_id"] == snapshot_id}),
            record=performance_row(
                rows[0] if rows else None, currency=self._currency, name=described["label"]
            ),
            market_return=number(record.market_return),
        )

    def _row(self, comparison: Comparison, compared: Mapping[UUID, ComparedSet]) -> ComparisonRow:
        snapshot_id, reference = UUID(comparison.key), UUID(comparison.reference)
        after, before = (self._sets[key]["parameters"] for key in (snapshot_id, reference))
        described = after is not None and before is not None
        return ComparisonRow(
            currency=self._currency,
            one=compared[snapshot_id],
            reference=compared[reference],
            basis=comparison.basis,
            verdict=comparison.verdict,
            verdict_text=comparison.verdict_text,
            reason=comparison.reason,
            n=comparison.n,
            n_reference=comparison.n_reference,
            n_eff=number(comparison.n_eff) or Decimal(0),
            n_eff_reference=number(comparison.n_eff_reference) or Decimal(0),
            difference=number(comparison.difference),
            interval=interval(comparison.interval),
            shrunken=number(comparison.shrunken.mean) if comparison.shrunken else None,
            shrunken_interval=interval(comparison.shrunken.interval) if comparison.shrunken else None,
            p_value=number(comparison.p_value),
            more_needed=comparison.more_needed,
            changes=[change.text for change in changes_between(before, after)] if described else [],
        )

    def _market(self, snapshot_id: UUID, spells: Sequence[Window]) -> float | None:
        """Return what holding the symbols of a set would have made while it was in force."""
        traded: dict[str, int] = defaultdict(int)
        for row in self._episodes[snapshot_id]:
            traded[row["symbol"]] += 1
        symbols = sorted(traded, key=lambda symbol: (-traded[symbol], symbol))[:MARKET_SYMBOLS]
        if not spells and self._episodes[snapshot_id]:
            opened = [row["opened_at"] for row in self._episodes[snapshot_id]]
            closed = [row["closed_at"] for row in self._episodes[snapshot_id]]
            spells = [Window(min(opened), max(closed))]
        asked = [
            {"number": number_, "start": spell.start.isoformat(), "end": spell.end.isoformat()}
            for number_, spell in enumerate(spells[-MARKET_SPELLS:])
        ]
        if not (symbols and asked):
            return None
        prices = fetch_rows(
            self._connection, MARKET_PRICES, {"spells": json.dumps(asked), "symbols": symbols}
        )
        returns: dict[int, list[float]] = defaultdict(list)
        for row in prices:
            returns[row["number"]].append(float(row["last"] / row["first"]))
        if not returns:
            return None
        return prod(sum(of_spell) / len(of_spell) for of_spell in returns.values()) - 1
