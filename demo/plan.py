"""The whole replay as it is planned, before anything is posted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from uuid import UUID

from demo.disorder import VenueOrder, manual_orders, order_of
from demo.foreign import ForeignTrade, all_trades, plan
from demo.foresight import DOCUMENTS, Deployment, Foreseen, foresee
from demo.market import PreparedMarket
from demo.truth import LinkTruth, Notebook
from linkage.adapters.markets.files import FileMarket
from linkage.domain.errors import InvalidInputError

WITHHELD_ACCOUNT = "paper-2"


@dataclass(frozen=True, slots=True)
class Withheld:
    """A decision of ours whose order trades long before its signal is posted.

    The strategy makes the same decision for its own account; this one is for another account, so that it
    has a key of its own and the paper broker leaves it alone.
    """

    foreseen: Foreseen
    client_order_id: str
    order: VenueOrder


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a replay.

    Attributes:
        documents: the parameter document in force, by run.
        foreseen: decisions of our own strategy.
        foreign: trades of the foreign bot, by run.
        manual: orders by hand, by run.
    """

    market: PreparedMarket
    deployment: Deployment
    documents: Mapping[datetime, str]
    foreseen: Sequence[Foreseen]
    foreign: Mapping[datetime, Sequence[ForeignTrade]]
    manual: Mapping[datetime, Sequence[VenueOrder]]
    withheld: Withheld

    def keys(self) -> dict[datetime, set[str]]:
        """Return the keys that our own strategy will publish, by run."""
        keys: dict[datetime, set[str]] = {run: set() for run in self.market.runs}
        for foreseen in self.foreseen:
            keys[foreseen.run].add(foreseen.key(self.deployment))
        return keys

    def note(self, book: Notebook) -> None:
        """Note the truth of all this."""
        previous = None
        for run, document in self.documents.items():
            if document != previous:
                book.note(run=run.isoformat(), parameters=document)
                previous = document
        for foreseen in self.foreseen:
            book.note_decision(foreseen.key(self.deployment), foreseen.truth)
        book.note_decision(self.withheld.client_order_id, self.withheld.foreseen.truth)
        for trade in all_trades(self.foreign):
            why = f"foreign bot: {trade.course}"
            book.note_order(trade.order_id, _truth_of(trade), why=why, executed=trade.is_executed)
        for orders in self.manual.values():
            for order in orders:
                book.note_order(order.order_id, None, why="placed by hand")


def make_plan(market: PreparedMarket, deployment: Deployment, *, seed: int) -> Plan:
    """Return the plan of a replay; the same for the same market, deployment and seed.

    Raises:
        InvalidInputError: the strategy would decide nothing on this market.
    """
    half = len(market.runs) // 2
    documents = {run: DOCUMENTS[int(number >= half)] for number, run in enumerate(market.runs)}
    foreseen = foresee(FileMarket(market.folder), documents, deployment)
    foreign = plan(market, seed=seed)
    manual: dict[datetime, list[VenueOrder]] = defaultdict(list)
    orders = manual_orders(
        market, all_trades(foreign), venue=deployment.venue, account=deployment.account, seed=seed + 1
    )
    for moment, order in orders:
        manual[next(run for run in market.runs if run >= moment)].append(order)
    return Plan(
        market=market,
        deployment=deployment,
        documents=documents,
        foreseen=foreseen,
        foreign=foreign,
        manual=manual,
        withheld=_withheld(foreseen, deployment, market.runs[half], seed=seed + 2),
    )


def _withheld(foreseen: Sequence[Foreseen], deployment: Deployment, half: datetime, *, seed: int) -> Withheld:
    if not foreseen:
        raise InvalidInputError("the strategy decides nothing on this market; replay more bars", field="bars")
    chosen = next((later for later in foreseen if later.run >= half), foreseen[0])
    elsewhere = replace(deployment, account=WITHHELD_ACCOUNT)
    key = chosen.key(elsewhere)
    order_id = str(UUID(int=Random(seed).getrandbits(128), version=4))  # noqa: S311 - a repeatable plan
    order = order_of(
        chosen.decision, key, venue=elsewhere.venue, account=elsewhere.account, order_id=order_id
    )
    return Withheld(chosen, key, order)


def _truth_of(trade: ForeignTrade) -> LinkTruth:
    return LinkTruth(
        snapshot_id=trade.snapshot_id,
        symbol=trade.symbol,
        side=trade.side,
        trigger=trade.trigger,
        buy_score=trade.buy_score,
        sell_score=trade.sell_score,
        decided_at=_milliseconds(trade.decided_at),
    )


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
