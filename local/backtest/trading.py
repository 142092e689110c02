"""Decisions and their execution by the paper venue, as the facts that a recorder would have received."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from functions.broker.service import bars_of
from functions.sighook.decisions import make_signal
from functions.sighook.runs import Deployment
from linkage.contracts.events import EVENT, FillEvent, fact_text
from linkage.contracts.paper import PaperRequest
from linkage.contracts.signals import BotRecord, RunRecord, SnapshotDescription, StoredSignal
from linkage.domain.canonical import iso_utc
from linkage.domain.facts import FactBatch
from linkage.domain.ids import FIRST_PARTY_BOT
from linkage.domain.paper import Book, PaperOrder, Report
from linkage.domain.paper_venue import Venue
from linkage.domain.snapshots import make_run_id
from linkage.strategy.decisions import Decided
from linkage.strategy.state import StrategyState
from local.backtest.history import History

VENUE = "paper"
ACCOUNT = "backtest"
FACTS_PER_BATCH = 1000

Progress = Callable[[str, int, int], None]
"""Called with the step, how much of it is done, and how much there is."""


@dataclass(slots=True)
class CashFlow:
    """The amounts traded in one quote currency.

    Attributes:
        spent, received: for buys, from sells. fees: of both.
        held: value of the position that is left, at its last close.
    """

    spent: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    held: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """Profit after fees, with the position left at its last close."""
        return self.received + self.held - self.spent - self.fees


@dataclass(slots=True)
class Traded:
    """The totals of a backtest; complete when ``trade`` has ended.

    Attributes:
        sent, suppressed: signals by trigger, and by guardrail.
        money: by quote currency.
    """

    sent: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    money: defaultdict[str, CashFlow] = field(default_factory=lambda: defaultdict(CashFlow))


def trade(history: History, traded: Traded, progress: Progress) -> Iterator[FactBatch]:
    """Let the strategy decide at every bar and the venue execute it, and yield the facts as they come.

    The strategy knows nothing of fills, so its decisions come first, and then each symbol's orders.
    """
    yield _beginning(history)
    orders: dict[str, list[PaperOrder]] = defaultdict(list)
    facts = Facts()
    step = max(1, history.bars // 200)
    walk = history.strategy.walk(history.candles, StrategyState(), history.parameters)
    for number, decided in enumerate(walk):
        if number % step == 0:
            progress("deciding", number, history.bars)
        _note(history, decided, history.start + number * _interval(history), traded, orders, facts)
        yield from facts.full()
    progress("deciding", history.bars, history.bars)
    symbols = history.candles.symbols
    for number, symbol in enumerate(symbols):
        progress("executing orders", number, len(symbols))
        if symbol in orders:
            for report in _execute(history, number, orders[symbol], traded):
                _take(report, traded, facts)
                yield from facts.full()
    yield from facts.full(at_least=1)
    progress("executing orders", len(symbols), len(symbols))


@dataclass(slots=True)
class Facts:
    """Facts that are not in a batch yet."""

    signals: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    order_events: list[str] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)

    def full(self, at_least: int = FACTS_PER_BATCH) -> Iterator[FactBatch]:
        """Yield them as a batch, and start a new one, if there are enough."""
        parts = {name: getattr(self, name) for name in self.__slots__}
        if sum(map(len, parts.values())) >= at_least:
            for name in parts:
                setattr(self, name, [])
            yield FactBatch(**parts)


def _beginning(history: History) -> FactBatch:
    began = iso_utc(history.start)
    snapshot = history.snapshot
    description = SnapshotDescription(
        snapshot_id=snapshot.snapshot_id,
        strategy=snapshot.strategy,
        code_version=snapshot.code_version,
        label=snapshot.label,
        parameters=dict(snapshot.parameters),
    )
    bot = BotRecord.model_validate(
        {
            "bot_id": FIRST_PARTY_BOT, "source": "sighook", "venue": VENUE, "account": ACCOUNT,
            "mode": "paper", "expects_signals": "mixed", "linked_since": began, "updated_at": began,
        }
    )  # fmt: skip
    return FactBatch(
        bots=[bot.fact_text()], snapshots=[description.fact_text(snapshot, FIRST_PARTY_BOT, began)]
    )


def _note(
    history: History,
    decided: Decided,
    closed: datetime,
    traded: Traded,
    orders: dict[str, list[PaperOrder]],
    facts: Facts,
) -> None:
    deployment = Deployment(name="backtest", venue=VENUE, account=ACCOUNT, strategy=history.strategy)
    run_id = make_run_id(history.strategy.name, closed)
    suppressed: Counter[str] = Counter()
    for decision in decided.decisions:
        signal = make_signal(decision, history.snapshot, run_id, deployment)
        stored = StoredSignal(
            bot_id=FIRST_PARTY_BOT,
            client_order_id=str(signal.client_order_id),
            snapshot_id=history.snapshot.snapshot_id,
            signal=signal,
            received_at=closed,
        )
        text = stored.fact_text()
        facts.signals.append(text)
        if decision.guardrail is not None:
            suppressed[decision.guardrail] += 1
        else:
            traded.sent[decision.trigger] += 1
            request = PaperRequest.model_validate_json(text)
            orders[decision.symbol].append(request.order(ACCOUNT))
    traded.suppressed.update(suppressed)
    record = RunRecord(
        run_id=run_id,
        bot_id=FIRST_PARTY_BOT,
        strategy=history.strategy.name,
        snapshot_id=history.snapshot.snapshot_id,
        scheduled_at=closed,
        started_at=closed,
        duration_ms=0,
        symbols_seen=decided.seen,
        symbols_skipped=dict(decided.skipped),
        signals_sent=len(decided.decisions) - suppressed.total(),
        signals_suppressed=dict(suppressed),
    )
    facts.runs.append(record.fact_text())


def _execute(history: History, row: int, orders: Sequence[PaperOrder], traded: Traded) -> Sequence[Report]:
    symbol = history.candles.symbols[row]
    venue = Venue(Book(symbol), history.seed, history.rules)
    bars = bars_of(history.candles, row, datetime.fromtimestamp(int(history.candles.times[0]), UTC))
    venue.play(orders, bars)
    if bars:
        money = traded.money[_quote(symbol)]
        bought = sum((order.filled for order in venue.book.orders if order.side == "buy"), Decimal(0))
        money.held += (venue.book.position + bought) * bars[-1].close
    return venue.reports


def _take(report: Report, traded: Traded, facts: Facts) -> None:
    known = {name: value for name, value in report.items() if value is not None}
    event = EVENT.validate_python({**known, "venue": VENUE, "account": ACCOUNT})
    text = fact_text(event)
    if not isinstance(event, FillEvent):
        facts.order_events.append(text)
        return
    facts.fills.append(text)
    if event.kind == "FILL" and event.price is not None and event.quantity is not None:
        money = traded.money[_quote(event.symbol)]
        money.fees += event.fee or Decimal(0)
        if event.side == "buy":
            money.spent += event.price * event.quantity
        else:
            money.received += event.price * event.quantity


def _interval(history: History) -> timedelta:
    return timedelta(seconds=history.candles.interval_seconds)


def _quote(symbol: str) -> str:
    return symbol.partition(":")[0].rpartition("-")[2]


def text_of(value: Decimal) -> str:
    """Return an amount with at most twelve decimals and no zeros at its end."""
    return format(round(value, 12).normalize(), "f")


def formatted(money: CashFlow) -> dict[str, str]:
    """Return the amounts of one currency, for JSON."""
    amounts = {
        "net": money.net, "fees": money.fees, "spent": money.spent, "got": money.received, "held": money.held,
    }  # fmt: skip
    return {name: text_of(amount) for name, amount in amounts.items()}
