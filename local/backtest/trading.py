"""Decisions and what the venue makes of them, as the facts that a recorder would have got."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from functions.broker.service import bars_of
from functions.sighook.service import Deployment, make_signal
from linkage.contracts.events import EVENT, FillEvent, fact_text
from linkage.contracts.paper import PaperRequest
from linkage.contracts.signals import BotRecord, RunRecord, SnapshotDescription, StoredSignal
from linkage.domain.facts import FactBatch
from linkage.domain.ids import FIRST_PARTY_BOT
from linkage.domain.paper import Book, PaperOrder, Report
from linkage.domain.paper_venue import Venue
from linkage.domain.snapshots import make_run_id
from linkage.domain.times import iso_utc
from linkage.strategy.plugin import Decided
from linkage.strategy.state import StrategyState
from local.backtest.history import History

VENUE = "paper"
ACCOUNT = "backtest"
FACTS_PER_BATCH = 1000

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(slots=True)
class Money:
    """What was traded in one quote currency.

    Attributes:
        spent, got: for buys, from sells. fees: of both. held: value of what is left, at the last close.
    """

    spent: Decimal = Decimal(0)
    got: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    held: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """Profit after fees, with what is left at its last close."""
        return self.got + self.held - self.spent - self.fees


@dataclass(slots=True)
class Traded:
    """All facts of a backtest, and what they add up to.

    Attributes:
        sent, suppressed: signals by trigger, and by guardrail. skipped: symbol to reason to bars.
        reports: of the venue.
        money: by quote currency.
    """

    signals: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    skipped: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    money: defaultdict[str, Money] = field(default_factory=lambda: defaultdict(Money))


def trade(history: History, told: Told) -> Traded:
    """Let the strategy decide at every bar, and the venue execute what it decided.

    The strategy knows nothing of fills, so its decisions come first, and then each symbol's orders.
    """
    traded = Traded()
    orders = _decide(history, traded, told)
    symbols = history.candles.symbols
    for number, symbol in enumerate(symbols):
        told("executing orders", number, len(symbols))
        if symbol in orders:
            _execute(history, number, orders[symbol], traded)
    told("executing orders", len(symbols), len(symbols))
    return traded


def batches(history: History, traded: Traded) -> Iterator[FactBatch]:
    """Yield the facts as a recorder gets them: what a thing needs comes before it, but need not."""
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
    yield FactBatch(
        bots=[bot.fact_text()], snapshots=[description.fact_text(snapshot, FIRST_PARTY_BOT, began)]
    )
    for part in _parts(traded.runs):
        yield FactBatch(runs=part)
    for part in _parts(traded.signals):
        yield FactBatch(signals=part)
    for part in _parts(traded.events):
        yield FactBatch(order_events=part)
    for part in _parts(traded.fills):
        yield FactBatch(fills=part)


def _decide(history: History, traded: Traded, told: Told) -> dict[str, list[PaperOrder]]:
    deployment = Deployment(name="backtest", venue=VENUE, account=ACCOUNT, strategy=history.strategy)
    orders: dict[str, list[PaperOrder]] = defaultdict(list)
    step = max(1, history.bars // 200)
    walk = history.strategy.walk(history.candles, StrategyState(), history.parameters)
    for number, decided in enumerate(walk):
        if number % step == 0:
            told("deciding", number, history.bars)
        _note(history, decided, history.start + number * _interval(history), deployment, traded, orders)
    told("deciding", history.bars, history.bars)
    return orders


def _note(
    history: History,
    decided: Decided,
    closed: datetime,
    deployment: Deployment,
    traded: Traded,
    orders: dict[str, list[PaperOrder]],
) -> None:
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
        traded.signals.append(text)
        if decision.guardrail is not None:
            suppressed[decision.guardrail] += 1
        else:
            traded.sent[decision.trigger] += 1
            request = PaperRequest.model_validate_json(text)
            orders[decision.symbol].append(request.order(ACCOUNT))
    for symbol, reason in decided.skipped.items():
        traded.skipped[symbol][reason] += 1
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
    traded.runs.append(record.fact_text())


def _execute(history: History, row: int, orders: Sequence[PaperOrder], traded: Traded) -> None:
    symbol = history.candles.symbols[row]
    venue = Venue(Book(symbol), history.seed, history.rules)
    bars = bars_of(history.candles, row, datetime.fromtimestamp(int(history.candles.times[0]), UTC))
    venue.play(orders, bars)
    for report in venue.reports:
        _take(report, traded)
    if bars:
        money = traded.money[_quote(symbol)]
        bought = sum((one.filled for one in venue.book.orders if one.side == "buy"), Decimal(0))
        money.held += (venue.book.position + bought) * bars[-1].close


def _take(report: Report, traded: Traded) -> None:
    known = {name: value for name, value in report.items() if value is not None}
    event = EVENT.validate_python({**known, "venue": VENUE, "account": ACCOUNT})
    text = fact_text(event)
    if not isinstance(event, FillEvent):
        traded.events.append(text)
        return
    traded.fills.append(text)
    if event.kind == "FILL" and event.price is not None and event.quantity is not None:
        money = traded.money[_quote(event.symbol)]
        money.fees += event.fee or Decimal(0)
        if event.side == "buy":
            money.spent += event.price * event.quantity
        else:
            money.got += event.price * event.quantity


def _interval(history: History) -> timedelta:
    return timedelta(seconds=history.candles.interval_seconds)


def _quote(symbol: str) -> str:
    return symbol.partition(":")[0].rpartition("-")[2]


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), FACTS_PER_BATCH):
        yield texts[start : start + FACTS_PER_BATCH]


def text_of(value: Decimal) -> str:
    """Return an amount with at most twelve decimals and no zeros at its end."""
    return format(round(value, 12).normalize(), "f")


def spelt(money: Money) -> dict[str, str]:
    """Return what was traded in one currency, for JSON."""
    amounts = {
        "net": money.net, "fees": money.fees, "spent": money.spent, "got": money.got, "held": money.held,
    }  # fmt: skip
    return {name: text_of(amount) for name, amount in amounts.items()}
