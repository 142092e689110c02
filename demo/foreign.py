"""A second bot, somebody else's: it posts in the existing bot's format and has keys of its own.

Its signal process posts to us, we forward each post unchanged to its receiver, and its order process reports
the venue's order ids to us. All its trades are planned, and noted, before the first one.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Literal
from uuid import UUID

from demo.api import Api, Reply
from demo.market import PreparedMarket
from linkage.domain.canonical import iso_utc

BOT = "neighbour"
VENUE = "coinbase"
ACCOUNT = "neighbour-main"
SNAPSHOTS = (UUID("b042c0bb-6184-4d40-aa65-2f7c8d83a243"), UUID("5b0e2c1e-7d0e-4a53-9b0f-0f6a2f1c7d11"))
"""Its parameters before and after half-time. They are never described to us."""

Course = Literal["regular", "fill first", "order first", "duplicated", "partial fills", "rejected"]
COURSES: tuple[Course, ...] = (
    "regular",
    "fill first",
    "order first",
    "duplicated",
    "partial fills",
    "rejected",
)
NOTIONAL = Decimal("0.004")
FEE_RATE = Decimal("0.004")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRIGGERS = ("roc_momo", "score", "passive_mm")


@dataclass(frozen=True, slots=True)
class ForeignTrade:
    """One decision of the foreign bot, and the course of its order.

    Attributes:
        client_order_id: its signal process's own id, a UUID4 with hyphens.
        order_id: of the venue.
        decided_at: aware UTC.
        price: in the quote currency; quantity: in the base currency.
    """

    client_order_id: str
    order_id: str
    snapshot_id: UUID
    symbol: str
    side: Literal["buy", "sell"]
    trigger: str
    buy_score: Decimal | None
    sell_score: Decimal | None
    decided_at: datetime
    price: Decimal
    quantity: Decimal
    course: Course

    @property
    def is_executed(self) -> bool:
        """Whether its order is executed."""
        return self.course != "rejected"

    def signal_body(self) -> bytes:
        """Return the post of its signal process, byte for byte."""
        buys = self.side == "buy"
        document = {
            "timestamp": (self.decided_at - _EPOCH) // timedelta(milliseconds=1),
            "pair": self.symbol,
            "order_id": self.client_order_id,
            "action": self.side,
            "order_type": "tp_sl" if buys else "limit",
            # Quote currency on a buy, base quantity on a sell: that is how this bot is.
            "order_amount_fiat": float(self.price * self.quantity if buys else self.quantity),
            "side": self.side,
            "limit_price": float(self.price),
            "origin": "SIGHOOK",
            "source": "Matrix",
            "trigger": {"trigger": self.trigger},
            "score": {
                "Buy Score": None if self.buy_score is None else float(self.buy_score),
                "Sell Score": None if self.sell_score is None else float(self.sell_score),
            },
            "snapshot_id": str(self.snapshot_id),
            "verified": "valid",
            "take_profit": float(self.price * Decimal("1.025")) if buys else None,
            "stop_loss": float(self.price * Decimal("0.98")) if buys else None,
        }
        return json.dumps(document).encode()

    def order_body(self) -> bytes:
        """Return the post of its order process."""
        fields: dict[str, Any] = {
            "client_order_id": self.client_order_id,
            "venue": VENUE,
            "account": ACCOUNT,
            "order_id": self.order_id,
        }
        if self.course != "regular":  # this bot reports the size of some orders only
            fields["size"] = str(self.quantity)
        if self.course == "rejected":
            fields.update(status="rejected", venue_status="FAILED")
        if self.course in ("fill first", "order first"):  # its signal, which has both, comes later
            fields.update(symbol=self.symbol, side=self.side)
        return json.dumps(fields).encode()

    def fill_bodies(self) -> list[bytes]:
        """Return its fills, which know the order id and no key; the later of two parts comes first."""
        parts = [Decimal(1)]
        if self.course == "partial fills":
            parts = [Decimal("0.25"), Decimal("0.75")]
        bodies = []
        for number, part in enumerate(parts):
            quantity = self.quantity * part
            bodies.append(
                {
                    "order_id": self.order_id,
                    "symbol": self.symbol,
                    "side": self.side,
                    "fill_id": f"{self.order_id[:8]}-{number}",
                    "kind": "FILL",
                    "price": str(self.price),
                    "quantity": str(quantity),
                    "quantity_unit": "base",
                    "fee": f"{self.price * quantity * FEE_RATE:.12f}",
                    "fee_currency": self.symbol.rpartition("-")[2],
                    "liquidity": "taker",
                    "executed_at": iso_utc(self.decided_at + timedelta(seconds=20 + 150 * number)),
                }
            )
        return [json.dumps(body).encode() for body in reversed(bodies)]


def plan(market: PreparedMarket, *, seed: int, share: float = 0.3) -> dict[datetime, list[ForeignTrade]]:
    """Return what the foreign bot will do, by run.

    Args:
        market: it trades up to four of its symbols.
        seed: of everything it decides.
        share: of the runs in which it trades. The last two have none: their fills would lie ahead of us.
    """
    random = Random(seed)  # noqa: S311 - a repeatable plan, nothing secret
    symbols = random.sample(market.symbols, min(4, len(market.symbols)))
    runs = market.runs[:-2]
    planned: dict[datetime, list[ForeignTrade]] = {}
    for number, run in enumerate(runs):
        if random.random() >= share:
            continue
        symbol = random.choice(symbols)
        price = market.price(symbol, run)
        if price is None:
            continue
        side: Literal["buy", "sell"] = random.choice(("buy", "sell"))
        score = Decimal(random.randrange(40, 95)) / 10
        count = sum(len(trades) for trades in planned.values())
        scored = count % 4 != 3  # every fourth decision has null scores, as that bot's momentum trades do
        trade = ForeignTrade(
            client_order_id=str(_uuid4(random)),
            order_id=str(_uuid4(random)),
            snapshot_id=SNAPSHOTS[int(number >= len(runs) // 2)],
            symbol=symbol,
            side=side,
            trigger=random.choice(_TRIGGERS),
            buy_score=score if scored and side == "buy" else None,
            sell_score=score if scored and side == "sell" else None,
            decided_at=run + timedelta(seconds=random.randrange(1, 60), milliseconds=random.randrange(1000)),
            price=price,
            quantity=Decimal(f"{NOTIONAL / price:.6g}"),
            course=COURSES[count % len(COURSES)],
        )
        planned.setdefault(run, []).append(trade)
    return planned


def act(trade: ForeignTrade, api: Api, token: str) -> int:
    """Post everything about one trade; return how many of its posts were duplicates.

    Raises:
        UnexpectedReplyError: the API refused something that it has to take.
    """
    signal = ("/webhook", trade.signal_body())
    order = ("/v1/orders", trade.order_body())
    fills = [("/v1/fills/generic", body) for body in trade.fill_bodies()] if trade.is_executed else []
    posts = {
        "fill first": [*fills, order, signal],
        "order first": [order, *fills, signal],
        "duplicated": [signal, signal, order, order, *fills, *fills],
    }.get(trade.course, [signal, order, *fills])
    for path, body in posts:
        _accepted(path, api.post_as_bot(path, body, token))
    return len(posts) - len(set(posts))


class UnexpectedReplyError(Exception):
    """The API answered otherwise than it has to."""


def _accepted(path: str, reply: Reply) -> None:
    if reply.status not in (200, 202) or reply.document.get("quarantined"):
        raise UnexpectedReplyError(f"POST {path} was answered {reply.status}: {dict(reply.document)}")


@dataclass(slots=True)
class Receiver:
    """The order process behind us: it stores what it receives.

    Attributes:
        url: where it listens, on this machine only.
        bodies: what was forwarded to it, byte for byte.
        authorizations: the Authorization headers that came with them.
    """

    url: str
    bodies: list[bytes] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def differences(self, trades: Sequence[ForeignTrade]) -> list[str]:
        """Return what did not arrive exactly once and unchanged."""
        arrived, due = Counter(self.bodies), Counter(trade.signal_body() for trade in trades)
        return [
            f"forwarded {arrived[body]} times instead of {due[body]}: {body[:80].decode(errors='replace')}…"
            for body in sorted({*arrived, *due})
            if arrived[body] != due[body]
        ]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port of the loopback interface while the block lasts."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                received.bodies.append(body)
                received.authorizations.append(self.headers.get("authorization", ""))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the terminal belongs to the progress bar."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    received = Receiver(f"http://127.0.0.1:{server.server_address[1]}/orders")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _uuid4(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def all_trades(planned: Mapping[datetime, Sequence[ForeignTrade]]) -> list[ForeignTrade]:
    """Return the trades of a plan in order of time."""
    return [trade for run in sorted(planned) for trade in planned[run]]
