"""Rows of episodes as the statistics take them.

The statistics need numpy, which takes longer to import than all the rest; what they bring is imported only
where results are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import Row, fetch_rows, group_by
from linkage.adapters.postgres.statements import statement
from linkage.domain.performance import Observation, OpenPosition

DIGITS = 80
"""Sums of amounts with up to 38 digits must not lose the last one."""

_SPLIT_EPISODES = statement(__file__, "split_episodes")
# A later set did not enter, so it has no risk, no slippage and no delay of its own.
_OF_THE_ENTRY = ("initial_risk", "slippage", "entry_delay")


def split(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Return rows of ``observed_episodes``, with what was left under a later parameter set cut in two.

    The P&L up to the later set's activation, at the mark of that moment, stays with the set of the entry; the
    rest is a row of the later set. Together they are what the episode made.
    """
    mixed = {row["episode_id"] for row in rows if row["mixed"]}
    if not mixed:
        return list(rows)
    later = group_by(fetch_rows(connection, _SPLIT_EPISODES, {"ids": list(mixed)}), "episode_id")
    parts_of_all: list[Row] = []
    with localcontext(prec=DIGITS):
        for row in rows:
            parts = later.get(row["episode_id"], [])
            if row["unpriced"] or not parts:
                parts_of_all.append(row)
                continue
            rest = sum((part["net_pnl"] for part in parts), Decimal(0))
            parts_of_all.append({**row, "net_pnl": row["net_pnl"] - rest})
            parts_of_all += [
                {**row, **dict.fromkeys(_OF_THE_ENTRY), **part, "episode_id": f"{row['episode_id']}/{number}"}
                for number, part in enumerate(parts)
            ]
    return parts_of_all


def observations(rows: Iterable[Row]) -> list[Observation]:
    """Return rows of ``observed_episodes`` as episodes; those without a result are left out."""
    from linkage.inference.rows import observation

    return [observation(row) for row in rows if not row["unpriced"]]


def positions(rows: Iterable[Row]) -> list[OpenPosition]:
    """Return rows of what is open as positions, with a mark where everything in them has a price."""
    from linkage.inference.rows import open_position

    return [
        replace(open_position(row), pnl_at_mark=None) if row["unpriced"] else open_position(row)
        for row in rows
    ]
