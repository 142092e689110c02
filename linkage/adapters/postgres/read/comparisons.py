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
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.performance_mapping import interval, number, performance_row
from linkage.adapters.postgres.read.results import RESULT_COLUMNS, observations, positions, split
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

Row = dict[str, Any]

_SETS: LiteralString = """
SELECT snapshot_id, label, strategy, parameters, first_seen_at
FROM strategy_snapshots WHERE snapshot_id = ANY (%(ids)s) ORDER BY first_seen_at, snapshot_id
"""

_SPELLS: LiteralString = """
SELECT snapshot_id, strategy, arm, activated_at AS start,
       least(coalesce(deactivated_at, %(end)s), %(end)s) AS "end"
FROM strategy_activations
WHERE strategy = ANY (%(strategies)s::text[] COLLATE "C") AND activated_at < %(end)s
ORDER BY activated_at, arm
"""

_EPISODES: LiteralString = "".join(
    [
        RESULT_COLUMNS,
        """
FROM episode_results e LEFT JOIN trade_records first ON first.order_id = e.entry_order_id
WHERE e.snapshot_id = ANY (%(ids)s) AND e.closed_at < %(end)s AND e.mode IS DISTINCT FROM 'test'
  AND NOT e.missing && ARRAY['price', 'contract_size']
  AND e.episode_id IN (
    SELECT a.episode_id FROM trade_strategy_link link
    JOIN fifo_allocations a ON a.entry_order_id = link.order_id
    WHERE link.snapshot_id = ANY (%(ids)s)
  )
ORDER BY e.closed_at DESC, e.episode_id LIMIT %(limit)s
""",
    ]
)

_TRIED: LiteralString = """
SELECT (SELECT count(*) FROM strategy_snapshots)
     + (SELECT count(DISTINCT params_hash) FROM trials t
        WHERE NOT EXISTS (SELECT FROM strategy_snapshots s WHERE s.params_hash = t.params_hash)) AS tried
"""

# The first and the last price that the ledger knows of a symbol in a spell: what somebody traded at.
_MARKET: LiteralString = """
SELECT spell.number, symbols.symbol, one.price AS first, other.price AS last
FROM json_to_recordset(%(spells)s::json) AS spell(number integer, start timestamptz, "end" timestamptz)
CROSS JOIN unnest(%(symbols)s::text[] COLLATE "C") AS symbols(symbol)
JOIN LATERAL (
  SELECT average_price AS price FROM trade_records tr
  WHERE tr.symbol = symbols.symbol AND tr.order_time BETWEEN spell.start AND spell."end"
    AND tr.status IN ('filled', 'done') AND average_price > 0
  ORDER BY order_time, order_id LIMIT 1
) one ON true
JOIN LATERAL (
  SELECT average_price AS price FROM trade_records tr
  WHERE tr.symbol = symbols.symbol AND tr.order_time BETWEEN spell.start AND spell."end"
    AND tr.status IN ('filled', 'done') AND average_price > 0
  ORDER BY order_time DESC, order_id LIMIT 1
) other ON true
"""


def count_tried(connection: Connection) -> int:
    """Return how many parameter sets were ever tried: on an exchange, on paper, on candles of the past."""
    (row,) = _rows(connection, _TRIED, {})
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
    spells = _rows(connection, _SPELLS, {"strategies": strategies, "end": window.end}) if strategies else []
    found: list[ComparisonRow] = []
    for (currency, strategy), involved in sorted(groups.items(), key=lambda group: group[0]):
        of_strategy = [spell for spell in spells if spell["strategy"] == strategy]
        reference, ids = _reference(of_strategy, involved)
        if reference is None or len(ids) < 2:
            continue
        group = _Group(connection, window, at, currency, ids, of_strategy)
        in_currency = [row for row in still_open if row["quote_currency"] == currency]
        found += group.compare(reference, in_currency, tried)
    return found


def _reference(spells: Sequence[Row], involved: set[UUID]) -> tuple[UUID | None, set[UUID]]:
    """Return the set to compare with, and all sets with it."""
    main: list[UUID] = [spell["snapshot_id"] for spell in spells if spell["arm"] == MAIN]
    if not main:
        return min(involved, key=str), involved
    reference, ids = main[-1], {*involved, main[-1]}
    if len(ids) == 1:
        ids.update([each for each in reversed(main) if each != reference][:1])
    return reference, ids


class _Group:
    """The sets of one mode, currency and strategy."""

    def __init__(
        self,
        connection: Connection,
        window: Window,
        at: datetime,
        currency: str,
        ids: set[UUID],
        spells: Sequence[Row],
    ) -> None:
        self._connection, self._window, self._at, self._currency = connection, window, at, currency
        self._spells = spells
        self._sets = {row["snapshot_id"]: row for row in _rows(connection, _SETS, {"ids": list(ids)})}
        limits = {"ids": list(ids), "end": window.end, "limit": MAX_COMPARED}
        self._episodes: dict[UUID, list[Row]] = defaultdict(list)
        for row in split(connection, _rows(connection, _EPISODES, limits)):
            if row["quote_currency"] == currency:
                self._episodes[row["snapshot_id"]].append(row)

    def compare(self, reference: UUID, still_open: Sequence[Row], tried: int) -> list[ComparisonRow]:
        """Compare all sets with one of them."""
        from linkage.inference.comparison import compare

        ids = [each for each in self._sets if self._episodes[each] or each == reference][:MAX_SETS]
        if reference not in ids:
            return []
        sets = {each: self._set(each, still_open) for each in ids}
        compared = {each: self._compared(each, one) for each, one in sets.items()}
        verdicts = compare(list(sets.values()), reference=str(reference), tried=tried)
        return [self._row(each, compared) for each in verdicts]

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

    def _compared(self, snapshot_id: UUID, one: ParameterSet) -> ComparedSet:
        from linkage.inference.summary import summarise

        described = self._sets[snapshot_id]
        rows = summarise(one.episodes, by=("snapshot",), at=self._at, open_positions=one.open_positions)
        # An arm's snapshot has one row: all its episodes are of one mode and currency.
        return ComparedSet(
            snapshot_id=snapshot_id,
            label=described["label"],
            strategy=described["strategy"],
            arms=sorted({spell["arm"] for spell in self._spells if spell["snapshot_id"] == snapshot_id}),
            record=performance_row(
                rows[0] if rows else None, currency=self._currency, name=described["label"]
            ),
            market_return=number(one.market_return),
        )

    def _row(self, each: Comparison, compared: Mapping[UUID, ComparedSet]) -> ComparisonRow:
        one, reference = UUID(each.key), UUID(each.reference)
        after, before = (self._sets[key]["parameters"] for key in (one, reference))
        described = after is not None and before is not None
        return ComparisonRow(
            currency=self._currency,
            one=compared[one],
            reference=compared[reference],
            basis=each.basis,
            verdict=each.verdict,
            verdict_text=each.verdict_text,
            reason=each.reason,
            n=each.n,
            n_reference=each.n_reference,
            n_eff=number(each.n_eff) or Decimal(0),
            n_eff_reference=number(each.n_eff_reference) or Decimal(0),
            difference=number(each.difference),
            interval=interval(each.interval),
            shrunken=number(each.shrunken.mean) if each.shrunken else None,
            shrunken_interval=interval(each.shrunken.interval) if each.shrunken else None,
            p_value=number(each.p_value),
            more_needed=each.more_needed,
            changes=[change.words for change in changes_between(before, after)] if described else [],
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
        prices = _rows(self._connection, _MARKET, {"spells": json.dumps(asked), "symbols": symbols})
        returns: dict[int, list[float]] = defaultdict(list)
        for row in prices:
            returns[row["number"]].append(float(row["last"] / row["first"]))
        if not returns:
            return None
        return prod(sum(each) / len(each) for each in returns.values()) - 1


def _rows(connection: Connection, query: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
    return connection.cursor(row_factory=dict_row).execute(query, parameters).fetchall()
