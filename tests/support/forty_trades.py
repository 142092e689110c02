"""Forty trades written down by hand, and beside them what they came to, worked out by hand.

Two bots trade four instruments for some hours; whatever makes lots hard happens once. ``TRADES`` is the
ledger; ``LOTS``, ``EPISODES``, ``OPEN`` and ``UNMATCHED`` are the results, with the sums that lead to them in
the comments. Nothing here is computed. Times are minutes after ``START``; amounts are in the quote currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from linkage.contracts.signals import BotRecord, StoredSignal
from tests.support.events import fill, native_id, order, signal
from tests.support.ledger import a_bot

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SNAPSHOTS = {
    "A": UUID("aaaaaaaa-0000-5000-8000-000000000001"),
    "B": UUID("bbbbbbbb-0000-5000-8000-000000000002"),
}


class Trade(NamedTuple):
    """One fill, with the signal of its order.

    Attributes:
        number: of the order; two lines of one number are two fills of it.
        minute: of the fill. The signal came ``delay`` minutes before the order's first fill.
        snapshot: of the signal; empty: there was no signal, and nobody's bot.
        asked: the signal's price. stop: its stop loss, where there was one.
        how: ``reversal`` takes back the fill before it; ``cumulative`` is the venue's record of the order
            so far (quantity, average price, total fees).
        parent: the number of the entry that it closes, if it names one.
    """

    number: int
    minute: int
    bot: str
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str = "USDT"
    snapshot: str = "A"
    trigger: str = "dip"
    asked: str = ""
    stop: str = ""
    how: str = "fill"
    parent: int = 0
    delay: int = 1


TP, SL = "take_profit", "stop_loss"

TRADES = (
    # 1: a win. 110 - 100 = 10, less 0.10 and 0.11. The stop would have lost 5. Bought 1/99 worse than the
    # signal, sold 1/111 worse.
    Trade(1, 0, "grid", "BTC-USDT", "buy", "1", "100", "0.10", asked="99", stop="95"),
    Trade(2, 10, "grid", "BTC-USDT", "sell", "1", "110", "0.11", asked="111", trigger=TP),
    # 2: a loss, at the stop. 2 * (97 - 100) = -6, less 0.2 and 0.194. It risked 6.
    Trade(3, 20, "grid", "BTC-USDT", "buy", "2", "100", "0.20", stop="97", delay=3),
    Trade(4, 30, "grid", "BTC-USDT", "sell", "2", "97", "0.194", trigger=SL),
    # 3: three entries, two exits. Bought for 100 + 98 + 192 = 390, sold for 297 + 101 = 398: 8.
    # Fees 0.1 + 0.098 + 0.192 + 0.297 + 0.101 = 0.788.
    Trade(5, 40, "grid", "BTC-USDT", "buy", "1", "100", "0.10"),
    Trade(6, 45, "grid", "BTC-USDT", "buy", "1", "98", "0.098"),
    Trade(7, 50, "grid", "BTC-USDT", "buy", "2", "96", "0.192"),
    Trade(8, 60, "grid", "BTC-USDT", "sell", "3", "99", "0.297", trigger=TP),
    Trade(9, 70, "grid", "BTC-USDT", "sell", "1", "101", "0.101", trigger=TP),
    # 4: neither won nor lost.
    Trade(10, 80, "grid", "BTC-USDT", "buy", "1", "100", "0", trigger="breakout"),
    Trade(11, 90, "grid", "BTC-USDT", "sell", "1", "100", "0", trigger=SL),
    # 5: an order in two fills. 0.4 * 3 + 0.6 * 2 = 2.4; fees 0.04 + 0.06 + 0.1 = 0.2. Paid 40 + 60.6.
    Trade(12, 100, "grid", "BTC-USDT", "buy", "0.4", "100", "0.04", trigger="breakout"),
    Trade(12, 101, "grid", "BTC-USDT", "buy", "0.6", "101", "0.06", trigger="breakout"),
    Trade(13, 110, "grid", "BTC-USDT", "sell", "1", "103", "0.1", trigger=TP),
    # 6: the second fill is taken back, with its fee. 104 - 100 = 4, less 0.1 and 0.1.
    Trade(14, 120, "grid", "BTC-USDT", "buy", "1", "100", "0.1", snapshot="B"),
    Trade(14, 121, "grid", "BTC-USDT", "buy", "1", "100", "0.1", snapshot="B"),
    Trade(14, 122, "grid", "BTC-USDT", "buy", "1", "100", "0.1", snapshot="B", how="reversal"),
    Trade(15, 130, "grid", "BTC-USDT", "sell", "1", "104", "0.1", snapshot="B", trigger=TP),
    # 7: the venue says 1 at 99 with fees of 0.1; of it one fill of 0.4 is known. 101 - 99 = 2, less 0.2.
    Trade(16, 140, "grid", "BTC-USDT", "buy", "0.4", "100", "0.04", snapshot="B"),
    Trade(16, 141, "grid", "BTC-USDT", "buy", "1", "99", "0.1", snapshot="B", how="cumulative"),
    Trade(17, 150, "grid", "BTC-USDT", "sell", "1", "101", "0.1", snapshot="B", trigger=TP),
    # 8: a fee in base leaves a lot of 0.999; 0.99 of it is sold, and 0.009 is less than the step of 0.01.
    # 0.99 * 110 - 100 = 8.9, less 0.1. The lot costs 100 * 0.99 / 0.999 = 99.099..., the dust the rest.
    Trade(18, 160, "grid", "BTC-USDT", "buy", "1", "100", "0.001", "BTC", snapshot="B"),
    Trade(19, 170, "grid", "BTC-USDT", "sell", "0.99", "110", "0.1", snapshot="B", trigger=TP),
    # 9: fees in BNB, at 600 and 610 USDT: 0.6 and 0.61. 10 * (21 - 20) = 10.
    Trade(20, 5, "trend", "ETH-USDT", "buy", "10", "20", "0.001", "BNB"),
    Trade(21, 15, "trend", "ETH-USDT", "sell", "10", "21", "0.001", "BNB", trigger=TP),
    # 10: nobody knows what BNB was worth. 5 * (19 - 20) = -5, less 0.1 that is known.
    Trade(22, 25, "trend", "ETH-USDT", "buy", "5", "20", "0.001", "BNB"),
    Trade(23, 35, "trend", "ETH-USDT", "sell", "5", "19", "0.1", trigger=SL),
    # 11: each exit names its entry. 2 * (23 - 22) + 2 * (21 - 20) = 4; fees 0.04 + 0.044 + 0.046 + 0.042.
    Trade(24, 45, "trend", "ETH-USDT", "buy", "2", "20", "0.04"),
    Trade(25, 50, "trend", "ETH-USDT", "buy", "2", "22", "0.044"),
    Trade(26, 60, "trend", "ETH-USDT", "sell", "2", "23", "0.046", parent=25, trigger=TP),
    Trade(27, 70, "trend", "ETH-USDT", "sell", "2", "21", "0.042", parent=24, trigger=TP),
    # 12: entered under A, left under B. 22 - 20 = 2, less 0.02 and 0.022.
    Trade(28, 80, "trend", "ETH-USDT", "buy", "1", "20", "0.02"),
    Trade(29, 90, "trend", "ETH-USDT", "sell", "1", "22", "0.022", snapshot="B", trigger=TP),
    # 13: a short. 10 * (5 - 4.8) = 2, less 0.05 and 0.048. Sold 0.1/5.1 worse than the signal.
    Trade(30, 5, "grid", "SOL-USDT:USDT", "sell", "10", "5", "0.05", trigger="overbought", asked="5.1"),
    Trade(31, 15, "grid", "SOL-USDT:USDT", "buy", "10", "4.8", "0.048", trigger=TP),
    # 14: four are bought and six sold. 4 * (5.2 - 5) = 0.8, less 0.02 and four sixths of 0.06.
    Trade(32, 25, "grid", "SOL-USDT:USDT", "buy", "4", "5", "0.02"),
    Trade(33, 35, "grid", "SOL-USDT:USDT", "sell", "6", "5.2", "0.06", trigger="overbought"),
    # 15: the other two are a short from 10.4 to 11: -0.6, less 0.02 and 0.022.
    Trade(34, 45, "grid", "SOL-USDT:USDT", "buy", "2", "5.5", "0.022", trigger=SL),
    # 16: another currency. 0.1 * (91 - 90) = 0.1, less 0.009 and 0.0091.
    Trade(35, 5, "grid", "BTC-EUR", "buy", "0.1", "90", "0.009", "EUR"),
    Trade(36, 15, "grid", "BTC-EUR", "sell", "0.1", "91", "0.0091", "EUR", trigger=TP),
    # Somebody sells by hand what no bot bought, and a bot sells what it never bought.
    Trade(37, 200, "", "BTC-USDT", "sell", "0.5", "120", "0.06", snapshot=""),
    Trade(38, 300, "grid", "ETH-USDT", "sell", "1", "20", "0.02", trigger=SL),
    # 17: still open. One of three is sold: 105 - 102 = 3, less a third of 0.306 and 0.105.
    Trade(39, 200, "grid", "BTC-USDT", "buy", "3", "102", "0.306", stop="100"),
    Trade(40, 210, "grid", "BTC-USDT", "sell", "1", "105", "0.105", trigger=TP),
    # 18: still open, nothing sold.
    Trade(41, 200, "trend", "ETH-USDT", "buy", "4", "20", "0.08"),
)

RATES = (("BNB", "USDT", 5, "600"), ("BNB", "USDT", 15, "610"))
"""What a currency was worth in another, in which minute."""

STEPS = (("BTC-USDT", "0.01"),)
"""The smallest quantity of an instrument."""


class Lot(NamedTuple):
    """A closed piece: entry and exit by number, and what it came to; ``kind`` is ``dust`` for dust."""

    entry: int
    exit_: int
    quantity: str
    gross: str
    fees: str
    net: str
    kind: str = "matched"


LOTS = (
    Lot(1, 2, "1", "10", "0.21", "9.79"),
    Lot(3, 4, "2", "-6", "0.394", "-6.394"),
    Lot(5, 8, "1", "-1", "0.199", "-1.199"),
    Lot(6, 8, "1", "1", "0.197", "0.803"),
    Lot(7, 8, "1", "3", "0.195", "2.805"),
    Lot(7, 9, "1", "5", "0.197", "4.803"),
    Lot(10, 11, "1", "0", "0", "0"),
    Lot(12, 13, "0.4", "1.2", "0.08", "1.12"),
    Lot(12, 13, "0.6", "1.2", "0.12", "1.08"),
    Lot(14, 15, "1", "4", "0.2", "3.8"),
    Lot(16, 17, "0.4", "0.8", "0.08", "0.72"),
    Lot(16, 17, "0.6", "1.2", "0.12", "1.08"),
    Lot(18, 19, "0.99", "9.800900900900900901", "0.1", "9.700900900900900901"),
    Lot(18, 19, "0.009", "-0.900900900900900901", "0", "-0.900900900900900901", "dust"),
    Lot(20, 21, "10", "10", "1.21", "8.79"),
    Lot(22, 23, "5", "-5", "0.1", "-5.1"),
    Lot(25, 26, "2", "2", "0.09", "1.91"),
    Lot(24, 27, "2", "2", "0.082", "1.918"),
    Lot(28, 29, "1", "2", "0.042", "1.958"),
    Lot(30, 31, "10", "2", "0.098", "1.902"),
    Lot(32, 33, "4", "0.8", "0.06", "0.74"),
    Lot(33, 34, "2", "-0.6", "0.042", "-0.642"),
    Lot(35, 36, "0.1", "0.1", "0.0181", "0.0819"),
    Lot(39, 40, "1", "3", "0.207", "2.793"),
)


class HandEpisode(NamedTuple):
    """From flat to flat: first entry and last exit by number, minutes, and what it came to.

    ``notional``: price times quantity of all entries. ``missing``: fees that could not be converted.
    """

    name: int
    entry: int
    exit_: int
    opened: int
    closed: int | None
    side: str
    notional: str
    gross: str
    fees: str
    net: str
    currency: str = "USDT"
    missing: str = ""
    mixed: bool = False


EPISODES = (
    HandEpisode(1, 1, 2, 0, 10, "long", "100", "10", "0.21", "9.79"),
    HandEpisode(2, 3, 4, 20, 30, "long", "200", "-6", "0.394", "-6.394"),
    HandEpisode(3, 5, 9, 40, 70, "long", "390", "8", "0.788", "7.212"),
    HandEpisode(4, 10, 11, 80, 90, "long", "100", "0", "0", "0"),
    HandEpisode(5, 12, 13, 100, 110, "long", "100.6", "2.4", "0.2", "2.2"),
    HandEpisode(6, 14, 15, 120, 130, "long", "100", "4", "0.2", "3.8"),
    HandEpisode(7, 16, 17, 140, 150, "long", "99", "2", "0.2", "1.8"),
    HandEpisode(8, 18, 19, 160, 170, "long", "100", "8.9", "0.1", "8.8"),
    HandEpisode(9, 20, 21, 5, 15, "long", "200", "10", "1.21", "8.79"),
    HandEpisode(10, 22, 23, 25, 35, "long", "100", "-5", "0.1", "-5.1", missing="fee:BNB"),
    HandEpisode(11, 24, 27, 45, 70, "long", "84", "4", "0.172", "3.828"),
    HandEpisode(12, 28, 29, 80, 90, "long", "20", "2", "0.042", "1.958", mixed=True),
    HandEpisode(13, 30, 31, 5, 15, "short", "50", "2", "0.098", "1.902"),
    HandEpisode(14, 32, 33, 25, 35, "long", "20", "0.8", "0.06", "0.74"),
    HandEpisode(15, 33, 34, 35, 45, "short", "10.4", "-0.6", "0.042", "-0.642"),
    HandEpisode(16, 35, 36, 5, 15, "long", "9", "0.1", "0.0181", "0.0819", currency="EUR"),
    HandEpisode(17, 39, 40, 200, None, "long", "306", "3", "0.207", "2.793"),
    HandEpisode(18, 41, 0, 200, None, "long", "80", "0", "0", "0"),
)

# What is open: entry, quantity, cost, fee, and the P&L at the book's last price (105 and 20):
# 2 * 105 - 204 - 0.204 = 5.796, and 4 * 20 - 80 - 0.08 = -0.08.
OPEN = ((39, "2", "204", "0.204", "5.796"), (41, "4", "80", "0.08", "-0.08"))

# Exits without a lot: order, quantity, what it brought, fee.
UNMATCHED = ((37, "0.5", "60", "0.06"), (38, "1", "20", "0.02"))

# Over the fifteen closed episodes in USDT: 9.79 - 6.394 + 7.212 + 0 + 2.2 + 3.8 + 1.8 + 8.8 + 8.79 - 5.1
# + 3.828 + 1.958 + 1.902 + 0.74 - 0.642 = 38.684; eleven won, three lost, one did neither.
CLOSED_NET = {"USDT": "38.684", "EUR": "0.0819"}

# Cash: the above, what episode 17 has closed (2.793), less what is open (204.204 + 80.08), and what the
# unmatched exits brought (59.94 + 19.98): 38.684 + 2.793 - 284.284 + 79.92 = -162.887.
CASH_FLOW = {"USDT": "-162.887", "EUR": "0.0819"}


def moment(minute: float) -> datetime:
    """Return a minute of the ledger as aware UTC."""
    return START + timedelta(minutes=minute)


def order_id(number: int) -> str:
    """Return the id of an order."""
    return native_id(number)


def bots() -> list[BotRecord]:
    """Return the two bots. They are on one account, so each order says whose it is."""
    return [a_bot(name, expects_signals="mixed") for name in ("grid", "trend")]


def signals() -> Iterator[StoredSignal]:
    """Yield the signal of each order that had one."""
    seen: set[int] = set()
    for trade in TRADES:
        if trade.number in seen or not trade.snapshot:
            continue
        seen.add(trade.number)
        entry = trade.trigger not in (TP, SL)
        score = (
            {"buy_score": "2.5", "sell_score": "0.5"} if entry else {"buy_score": "0.5", "sell_score": "3"}
        )
        yield signal(
            f"key-{trade.number}", bot=trade.bot, snapshot=SNAPSHOTS[trade.snapshot], symbol=trade.symbol,
            side=trade.side, trigger=trade.trigger, price=trade.asked or trade.price,
            stop_loss=trade.stop or None, signalled_at=moment(trade.minute - trade.delay), **score,
        )[1]  # fmt: skip


def events() -> Iterator[dict[str, Any]]:
    """Yield the fills, and an order event for each exit that names its entry."""
    before = ""
    for trade in TRADES:
        named: dict[str, Any] = {"symbol": trade.symbol, "side": trade.side}
        if trade.bot:
            named |= {"bot_id": trade.bot, "client_order_id": f"key-{trade.number}"}
        if trade.parent:
            parent = {"parent_order_id": order_id(trade.parent)}
            yield order(
                order_id(trade.number),
                "filled",
                **named,
                **parent,
                created_at=moment(trade.minute).isoformat(),
                updated_at=moment(trade.minute).isoformat(),
            )
        fill_id = f"t{trade.number}-{trade.minute}"
        told: dict[str, Any] = {
            **named, "executed_at": moment(trade.minute).isoformat(), "fee_currency": trade.fee_currency,
        }  # fmt: skip
        if trade.how == "cumulative":
            told |= {
                "kind": "CUMULATIVE", "cumulative_quantity": trade.quantity, "average_price": trade.price,
                "total_fees": trade.fee, "price": None, "quantity": None, "fee": None,
            }  # fmt: skip
        else:
            told |= {"price": trade.price, "quantity": trade.quantity, "fee": trade.fee}
        if trade.how == "reversal":
            told |= {"kind": "REVERSAL", "refers_to": before}
        yield fill(order_id(trade.number), fill_id, **told)
        before = fill_id
