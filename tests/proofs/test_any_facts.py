"""Whatever is told, in whatever order and whatever batches, the ledger is what all its facts say together.

A history is a few orders, keys and bots of which much is told by chance: keys are used again and change,
parents and replaced orders form chains and circles, symbols and sides disagree, signals come twice. Nobody
says what the ledger should be; ``verify`` makes it afresh from all facts. Many histories are told side by
side, each with names of its own, so that a hundred cost little more than one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain, zip_longest
from typing import Any

import pytest

from linkage.adapters.postgres.connection import Connection, connect
from linkage.adapters.postgres.read.verify import verify
from linkage.contracts.signals import BotRecord, StoredSignal
from linkage.runtime.settings import DatabaseSettings
from tests.proofs.counting import tally as counted
from tests.support.events import NOW, SNAPSHOT_A, SNAPSHOT_B, fill, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger, a_bot
from tests.support.seeds import seed

HISTORIES = int(os.environ.get("LINKAGE_PROOF_FACTS", "300"))
SIDE_BY_SIDE = 300

RESPECTS = (
    "bots", "days", "kinds", "names", "orders", "origins", "parents", "replaced", "sides", "snapshots",
    "symbols", "times", "units",
)  # fmt: skip

Told = Mapping[str, Any] | StoredSignal | BotRecord
History = Sequence[Sequence[Told]]


class Teller:
    """Tells of a few orders, keys and bots that only this history has.

    Each history is calm in some respects: where everything goes wrong at once, most stays without effect.
    """

    def __init__(self, number: int, chance: random.Random) -> None:
        self.chance = chance
        self.calm = {name for name in RESPECTS if chance.random() < 0.5}
        self.orders = [native_id(10 * number + place) for place in range(2 if "orders" in self.calm else 4)]
        self.keys = [f"entry-{number}", f"again-{number}", our_key(number)]
        self.bots = [f"a-{number}"] if "bots" in self.calm else [f"a-{number}", f"b-{number}"]

    def history(self) -> History:
        """Return what is told, in batches of one to three."""
        sizes = [self.chance.choice((1, 1, 2, 3)) for _ in range(self.chance.randint(3, 9))]
        told = [[self.fact() for _ in range(size)] for size in sizes]
        return [[self.bot()], *told] if "bots" in self.calm else told

    def fact(self) -> Told:
        """Return a fact of any kind."""
        makers = (self.fill, self.event, self.event, self.event, self.signal, self.signal, self.bot)
        return self.chance.choice(makers)()

    def bot(self) -> BotRecord:
        """Return a registration."""
        return a_bot(self.one(self.bots))

    def signal(self) -> StoredSignal:
        """Return a decision; told again with other contents it is another use of its key."""
        key = self.one(self.keys)
        return signal(
            key,
            bot="sighook" if key == self.keys[-1] else self.one(self.bots),
            snapshot=self.rarely("snapshots", SNAPSHOT_A, SNAPSHOT_B, None),
            side=self.rarely("sides", "buy", "sell"),
            signalled_at=NOW + timedelta(days=self.rarely("days", 0, 50), minutes=-1),
        )[1]

    def event(self) -> Mapping[str, Any]:
        """Return what a venue says of an order."""
        days = self.rarely("days", 0, 50)
        placed = NOW + timedelta(days=days, minutes=self.chance.randrange(5))
        return order(
            self.one(self.orders),
            self.one(("open", "filled", "cancelled", None)),
            created_at=self.rarely("times", placed.isoformat(), None),
            updated_at=self.rarely("times", (placed + timedelta(seconds=5)).isoformat(), None),
            size=self.one((None, "2")),
            trigger=self.one((None, "limit", "stop_loss")),
            **self.common(),
        )

    def fill(self) -> Mapping[str, Any]:
        """Return one execution, or what the venue says has been executed so far."""
        told = fill(
            self.one(self.orders),
            self.one(("t1", "t2")),
            kind=self.rarely("kinds", "FILL", "REVERSAL", "CORRECTION", "SYNTHETIC", "CUMULATIVE"),
            executed_at=(NOW + timedelta(minutes=self.chance.randrange(5))).isoformat(),
            quantity=self.one(("1", "2.50")),
            quantity_unit=self.rarely("units", "base", "quote", "contracts"),
            fee_currency=self.rarely("units", "USD", "BNB"),
            **self.common(),
        )
        if told["kind"] != "CUMULATIVE":
            return told
        told |= {"cumulative_quantity": told["quantity"], "average_price": "101", "total_fees": "0.2"}
        return {name: told[name] for name in told if name not in ("fill_id", "price", "quantity", "fee")}

    def common(self) -> dict[str, Any]:
        """Return what any event may say."""
        return {
            "client_order_id": self.one((None, *self.keys)),
            "bot_id": self.rarely("names", None, *self.bots),
            "parent_order_id": self.rarely("parents", None, *self.orders),
            "replaces_order_id": self.rarely("replaced", None, *self.orders),
            "symbol": self.rarely("symbols", "BTC-USD", "ETH-USD"),
            "side": self.rarely("sides", "buy", "sell"),
            "origin": self.rarely("origins", None, "unknown", "grid", "test"),
            "ingest_via": self.one(("stream", "poll", "import")),
        }

    def rarely(self, respect: str, usual: Any, *others: Any) -> Any:
        """Return what is usual, or one time in three something else where the history is not calm."""
        return usual if respect in self.calm or self.chance.random() < 2 / 3 else self.one(others)

    def one(self, choices: Sequence[Any]) -> Any:
        """Return one of these."""
        return self.chance.choice(choices)


@pytest.fixture
def told(ledger_database: LedgerDatabase) -> Iterator[ToldLedger]:
    """A ledger to tell facts to."""
    ledger = ToldLedger.open(ledger_database, deadline_seconds=120.0)
    yield ledger
    ledger.close()


@pytest.fixture
def reader(told: ToldLedger) -> Iterator[Connection]:
    """A connection that may read everything."""
    with connect(DatabaseSettings(**told.database.settings("reader"))) as connection:
        yield connection


def test_any_facts_in_any_order_make_the_ledger_that_they_make_together(
    told: ToldLedger, reader: Connection
) -> None:
    chance = random.Random(f"any facts {seed()}")
    for first in range(0, HISTORIES, SIDE_BY_SIDE):
        numbers = range(first, min(first + SIDE_BY_SIDE, HISTORIES))
        histories = [Teller(number, chance).history() for number in numbers]
        broken = offences(told, reader, histories)
        if broken:
            history = next((one for one in histories if offences(told, reader, [one])), None)
            shown = "only together" if history is None else shortest(told, reader, history)
            pytest.fail(f"LINKAGE_SEED {seed() // 1000}: {broken}\n{shown}")
        facts = sum(len(batch) for history in histories for batch in history)
        ((links, vetoes),) = told.database.rows(
            "SELECT (SELECT count(*) FROM trade_strategy_link), (SELECT count(*) FROM link_vetoes)"
        )
        assert min(links, vetoes) > 0
        counted("any facts", histories=len(histories), facts=facts, links=links, vetoes=vetoes)


def offences(told: ToldLedger, reader: Connection, histories: Sequence[History]) -> list[str]:
    """Tell histories side by side to an empty ledger; return the invariants that are broken."""
    told.database.empty()
    for batch in zip_longest(*histories, fillvalue=()):
        told.tell(*chain.from_iterable(batch))
    return [check.name for check in verify(reader) if not check.holds]


def shortest(told: ToldLedger, reader: Connection, history: History) -> str:
    """Leave out fact by fact while something stays broken; return what is left, a line for each batch."""
    left = [list(batch) for batch in history]
    place = 0
    while place < sum(map(len, left)):
        fewer, skipped = [], place
        for batch in left:
            fewer.append([fact for number, fact in enumerate(batch) if number != skipped])
            skipped -= len(batch)
        if offences(told, reader, [fewer]):
            left = fewer
        else:
            place += 1
    return "\n".join(" + ".join(map(str, batch)) for batch in left if batch)
