"""What the use cases need of the outside world. One adapter per technology stands behind each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from linkage.domain.facts import (
    FactBatch,
    KeptEvent,
    LedgerHealth,
    LotsMatched,
    Recorded,
    RecordedOrder,
    Resolved,
    SignalKey,
    Touched,
    Window,
)
from linkage.domain.ids import BotId, OrderId

if TYPE_CHECKING:  # most functions have no numpy in their zip
    import numpy as np
    from numpy.typing import NDArray

PutOutcome = Literal["stored", "repeated", "conflict"]


class Clock(Protocol):
    """The only source of the present."""

    def now(self) -> datetime:
        """Return the present as aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class HotItem:
    """An item of the hot store. ``body`` is the fact as JSON text."""

    kind: Literal["signal", "snapshot", "run", "bot", "switch"]
    body: str
    received_at: datetime


class SignalStore(Protocol):
    """The hot store of signals. Items that have expired count as absent, present or not.

    Every method raises ``StoreUnavailableError`` when the store is throttled, away or too slow.
    """

    def put_signal(
        self, key: SignalKey, *, fact: str, meaning: str, disposition: str, received_at: datetime
    ) -> PutOutcome:
        """Store a signal under its key unless it is there.

        Returns:
            ``stored``; ``repeated`` when the key is there with the same meaning; ``conflict`` when it is
            there with another one. Nothing is changed in the last two cases.
        """
        ...

    def get_signals(self, keys: Sequence[SignalKey]) -> Mapping[SignalKey, str]:
        """Return the facts of those signals that are there, read consistently."""
        ...

    def claim_forward(self, key: SignalKey) -> bool:
        """Tell whether the signal has still to be forwarded."""
        ...

    def mark_forwarded(self, key: SignalKey, *, at: datetime) -> None:
        """Remember that the signal was forwarded."""
        ...

    def put_snapshot(self, snapshot_id: str, config_hash: str, *, fact: str, received_at: datetime) -> bool:
        """Store a snapshot's description; False when it was there already."""
        ...

    def put_run(self, run_id: str, *, fact: str, received_at: datetime) -> bool:
        """Store a run's record; False when that run was there already."""
        ...

    def recent(self, hours: Sequence[str]) -> Iterable[HotItem]:
        """Yield the signals, snapshots and runs received in these hours (``2026-11-22T18``, UTC).

        The bots and the switch are yielded as they are now, whenever they were written.
        """
        ...


class Forwarder(Protocol):
    """Passes a received body on to the receiver behind us, unchanged."""

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once.

        Raises:
            DeliveryError: no answer in time, or one that asks to try again (408, 429, 5xx).
            RefusedError: a final refusal.
        """
        ...


class WebhookKeys(Protocol):
    """The secrets of our own signed route, current one first."""

    def current(self) -> Sequence[bytes]:
        """Return all valid secrets.

        Raises:
            StoreUnavailableError: they were never read, and cannot be read now.
        """
        ...

    def refresh(self) -> bool:
        """Read them again unless that was done just now; True when they changed."""
        ...


class Switchboard(Protocol):
    """Switches that an operator turns without a deployment."""

    def linking_enabled(self) -> bool:
        """Tell whether linking is on. On when nobody ever turned it off.

        Raises:
            StoreUnavailableError: the switch cannot be read.
        """
        ...


class TradeLedger(Protocol):
    """The ledger's write side. Every method raises ``LedgerUnavailableError`` when PostgreSQL is away."""

    def record(self, facts: FactBatch) -> Recorded:
        """Step one, in one transaction: insert facts, recompute the orders that they touch."""
        ...

    def resolve(self, touched: Touched) -> Resolved:
        """Step two, in a transaction of its own: resolve links of touched orders, children included."""
        ...

    def unresolved(self, *, limit: int) -> Touched:
        """Return executed orders that are expected to have a link and have none.

        When there are more than ``limit``, the newest are among them, and each of the others at some time.
        """
        ...

    def recorded_since(
        self, start: datetime, *, after: OrderId | None = None, limit: int
    ) -> Sequence[RecordedOrder]:
        """Return the orders first recorded at ``start`` or later, oldest first.

        Args:
            start: aware UTC.
            after: of those recorded at ``start`` itself, only orders with greater ids.
            limit: how many at most.
        """
        ...

    def quarantined(
        self, *, quarantine_id: int | None = None, after: int = 0, limit: int
    ) -> Sequence[KeptEvent]:
        """Return unresolved events of the quarantine by ascending id: one, or those after an id."""
        ...

    def settle(self, quarantine_id: int) -> None:
        """Mark an event of the quarantine as resolved."""
        ...

    def dismiss(self, quarantine_id: int, reason: str) -> bool:
        """Mark an event of the quarantine as never to be taken, with the reason; False if it did not wait."""
        ...

    def keep_trials(self, trials: Sequence[str]) -> int:
        """Add parameter sets that were tried on candles of the past, as JSON; return how many were new.

        Raises:
            InvalidInputError: one of them is no trial; none was added.
        """
        ...

    def missing_facts(self, items: Sequence[HotItem]) -> Sequence[HotItem]:
        """Return those hot items whose facts are not in the ledger, what it cannot look for included."""
        ...

    def match_lots(self, *, seconds: float) -> LotsMatched:
        """Bring lots and episodes up to date with the orders that changed since the last time.

        Args:
            seconds: after which no further part is begun; what is left comes the next time.
        """
        ...

    def rewind_lots(self, since: datetime) -> None:
        """Let the next ``match_lots`` begin with what changed since a moment, aware UTC."""
        ...

    def maintain(self, window: Window) -> LedgerHealth:
        """Do the periodic chores and measure what the alarms need."""
        ...


class LedgerReader(Protocol):
    """The ledger's read side. JSON-ready mappings; decimals as strings, times as ISO 8601 in UTC."""

    def rates(self, window: Window) -> Mapping[str, object]:
        """Return the three rates of a window with their counts."""
        ...

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Return all that the report of a window shows.

        Args:
            window: of the report.
            by: what the tables of results are by; None for those of the mail.
            verdicts: also compare parameter sets, which takes longer.
        """
        ...

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Return one order's whole story, by order id, venue order id or client order id."""
        ...


class EventQueue(Protocol):
    """Where fills and order events go."""

    def send(self, bodies: Sequence[str]) -> None:
        """Send messages, each one event or an array of up to 100 as JSON text.

        Raises:
            DeliveryError: at least one was not accepted; sending all again does no harm.
        """
        ...


@dataclass(frozen=True, slots=True)
class MovedLetters:
    """How many dead letters were moved, and how many were left because they had been moved too often."""

    moved: int = 0
    left: int = 0


class DeadLetters(Protocol):
    """What went to the dead letters of the fills queue."""

    def waiting(self) -> int:
        """Return about how many there are.

        Raises:
            DeliveryError: nobody can say.
        """
        ...

    def move(self, *, limit: int | None = None, most_redrives: int | None = None) -> MovedLetters:
        """Move letters back into the queue, each at least once.

        Args:
            limit: how many are looked at, about; None for all.
            most_redrives: a letter that was moved so often stays; None to move every one and count anew.

        Raises:
            DeliveryError: some were moved, no letter is lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class SinkReply:
    """What became of a posted signal: ``repeated`` when it was there, ``conflict`` with another meaning."""

    outcome: Literal["stored", "repeated", "conflict"]


class SignalSink(Protocol):
    """Where the strategy posts its signals."""

    def post(self, body: Mapping[str, object]) -> SinkReply:
        """Post one canonical signal, signed, retried with the same id.

        Raises:
            DeliveryError: no final answer after all retries.
            RefusedError: a final refusal other than 409.
        """
        ...


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail, ready to be sent.

    Attributes:
        attachments: (file name, MIME type, bytes).
        images: PNG pictures that the HTML shows as ``cid:…``: (Content-ID, bytes).
    """

    subject: str
    html: str
    text: str
    attachments: Sequence[tuple[str, str, bytes]] = ()
    images: Sequence[tuple[str, bytes]] = ()


class Mailer(Protocol):
    """Sends mail."""

    def send(self, message: MailMessage, *, recipient: str) -> str:
        """Send to one recipient and return the provider's message id.

        Raises:
            NotSentError: it was refused, or never reached the provider.
            DeliveryError: it may or may not be on its way.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """What a report is mailed once for: its name, and a half-open interval of time."""

    name: str
    start: datetime
    end: datetime


class ReportClaims(Protocol):
    """Who was mailed which report. Both methods raise ``StoreUnavailableError`` when the store is away."""

    def claim(self, period: ReportPeriod, recipient: str, *, at: datetime) -> bool:
        """Claim the right to mail; False when somebody has claimed it before."""
        ...

    def release(self, period: ReportPeriod, recipient: str) -> None:
        """Give a claim back, after a mail that certainly was not sent."""
        ...


class BotDirectory(Protocol):
    """Who may call, and under which name. JSON text of ``contracts.signals.BotRecord``."""

    def find_by_token(self, token_hash: str) -> str | None:
        """Return the bot's record as JSON text, by the SHA-256 of its token; None when unknown."""
        ...

    def get(self, bot_id: BotId) -> str | None:
        """Return the bot's record as JSON text; None when unknown or removed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Closed bars of several symbols on one grid of time.

    Attributes:
        symbols: BASE-QUOTE, one per row, sorted.
        interval_seconds: length of a bar.
        times: start of each bar, epoch seconds, ascending without a gap; shape (bars,).
        opens, highs, lows, closes: in the quote currency; volumes: in the base currency. Shape
            (symbols, bars); NaN where the market has no bar.
        spreads: symbol to (ask - bid) / mid, as a fraction, where the market tells it.
        refused: symbol to the reason why it has no row, e.g. ``duplicates``.
    """

    symbols: tuple[str, ...]
    interval_seconds: int
    times: NDArray[np.int64]
    opens: NDArray[np.float64]
    highs: NDArray[np.float64]
    lows: NDArray[np.float64]
    closes: NDArray[np.float64]
    volumes: NDArray[np.float64]
    spreads: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


class MarketData(Protocol):
    """A source of candles."""

    def symbols(self) -> Sequence[str]:
        """Return every symbol that the market has, BASE-QUOTE, sorted."""
        ...

    def candles(
        self, symbols: Sequence[str], *, as_of: datetime, bars: int, interval_seconds: int
    ) -> Candles:
        """Return the last bars that were closed at ``as_of``, never a later one.

        Args:
            symbols: which; unknown ones are in ``refused``.
            as_of: aware UTC, a multiple of the interval; the last bar on the grid ends then.
            bars: length of the grid.
            interval_seconds: length of a bar.

        Raises:
            MarketUnavailableError: the market cannot be reached.
        """
        ...


class StateStore(Protocol):
    """Where a strategy keeps its state between runs, with a version that only its reader may replace.

    Every method raises ``StoreUnavailableError`` when the store is throttled, away or too slow.
    """

    def load(self, strategy: str, arm: str) -> tuple[str | None, int]:
        """Return the state as JSON text and its version; None and 0 when there is none."""
        ...

    def save(self, strategy: str, arm: str, *, body: str, version: int, saved_at: datetime) -> None:
        """Replace the state of this version by the next, which is one more.

        Raises:
            StateChangedError: another version is there.
        """
        ...


class ParameterSource(Protocol):
    """Where an operator's parameter document lives."""

    def document(self) -> str | None:
        """Return the TOML or JSON text; None when there is none.

        Raises:
            StoreUnavailableError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class PaperItem:
    """One item of the paper broker. ``name`` is ``ORDER#<client_order_id>`` or ``BOOK#<symbol>``."""

    name: str
    body: str
    version: int


class PaperStore(Protocol):
    """What the paper broker keeps of one account.

    Every method raises ``StoreUnavailableError`` when the store is throttled, away or too slow.
    """

    def add(self, name: str, *, body: str, stored_at: datetime) -> bool:
        """Store an item unless one of this name is there; False then."""
        ...

    def items(self) -> Sequence[PaperItem]:
        """Return every item of the account, read consistently."""
        ...

    def save(self, name: str, *, body: str, version: int, stored_at: datetime) -> None:
        """Replace the item of this version; 0 is none.

        Raises:
            StateChangedError: another version is there.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove an item; nothing happens when it is gone."""
        ...
