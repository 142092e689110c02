"""The formats that bots speak, one row each.

What depends on a source derives from its row: how the webhook reads its posts, the choices of
``linkage bot add --source``, what that command prints for the bot's owner, and the pages that list sources.
A source without a reader of its own posts canonical signals; only what its owner has to do is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from linkage.contracts.signals import Signal
from linkage.sources import bottrader, canonical
from linkage.sources.sender import Sender

SIGNAL_REQUEST = """\
curl -sS {api}/v1/signals -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{{"client_order_id":"my-order-1","symbol":"BTC-USD","side":"buy","buy_score":5.5,
       "trigger":"roc","price":"43000","notional":"20","signalled_at":"2026-01-02T03:04:05Z",
       "snapshot":{{"strategy":"my-strategy","rsi_period":14}}}}'
"""
FILL_REQUEST = """\
curl -sS {api}/v1/fills/generic -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{{"order_id":"<order id of the venue>","fill_id":"<trade id>","client_order_id":"my-order-1",
       "symbol":"BTC-USD","side":"buy","price":"43000","quantity":"0.0005","fee":"0.02",
       "fee_currency":"USD","executed_at":"2026-01-02T03:04:06Z"}}'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One format.

    Attributes:
        name: as a bot's registration has it.
        setup: what the bot's owner does; ``{url}``, ``{api}``, ``{token}``, ``{venue}`` and ``{account}`` are
            filled in.
        docs: heading of docs/bots.md, as in a link.
        read_signal: returns the signal that the fields of a post mean; they are those of a JSON object. Its
            last argument is the time of the receipt, and a time more than a day after that is refused.
        is_native: whether a post is in this format; one that is not is read as a canonical signal.
        key_field: what its posts call the key.
        path: where they are posted.
        reads_fills: whether ``POST /v1/fills/<name>`` takes its fills.
        is_tee: whether a receiver of the bot's own usually stands behind us.
    """

    name: str
    setup: str
    docs: str
    read_signal: Callable[[Mapping[str, Any], Sender, datetime], Signal] = canonical.read_signal
    is_native: Callable[[Mapping[str, Any]], bool] = canonical.is_native
    key_field: str = canonical.KEY_FIELD
    path: str = "/v1/signals"
    reads_fills: bool = False
    is_tee: bool = False


GENERIC = Source(
    name="generic",
    docs="any-bot",
    reads_fills=True,
    setup=f"""\
Before the order is placed, post its signal:

{SIGNAL_REQUEST}
Place the order with the same client_order_id, then post its fills:

{FILL_REQUEST}
An order that carries no client_order_id is made known by POST {{api}}/v1/orders
with client_order_id, venue, account and order_id.
""",
)

SOURCES: Sequence[Source] = (
    Source(
        name="bottrader",
        docs="the-existing-bot---source-bottrader",
        read_signal=bottrader.read_signal,
        is_native=bottrader.is_native,
        key_field=bottrader.KEY_FIELD,
        path="/webhook",
        is_tee=True,
        setup=bottrader.SETUP,
    ),
    Source(
        name="tradingview",
        docs="tradingview-freqtrade",
        setup=f"""\
TradingView's alerts cannot set a header, so they cannot reach this URL by themselves. Let the program
that receives them post each one here, with the key that it gives to the order:

{SIGNAL_REQUEST}
Symbols may stay as TradingView spells them (COINBASE:BTCUSD).
""",
    ),
    Source(
        name="freqtrade",
        docs="tradingview-freqtrade",
        setup=f"""\
freqtrade's own webhooks cannot set a header and carry no key. Post from the strategy itself, in
confirm_trade_entry and confirm_trade_exit, before the order is placed:

{SIGNAL_REQUEST}""",
    ),
    Source(
        name="ccxt",
        docs="ccxt",
        setup=f"""\
Post the signal, place the order with its key, then post the fills:

{SIGNAL_REQUEST}
  exchange.create_order("BTC/USD", "market", "buy", amount, params={{{{"clientOrderId": key}}}})
  (coinbase: params={{{{"client_order_id": key}}}}; it ignores the other spelling and sends an id of its own)

{FILL_REQUEST}
Symbols may stay as CCXT spells them (BTC/USD, BTC/USDT:USDT).
""",
    ),
    GENERIC,
)

SOURCE_NAMES: Sequence[str] = tuple(source.name for source in SOURCES)
FILL_SOURCES: Sequence[str] = tuple(source.name for source in SOURCES if source.reads_fills)
BY_NAME: Mapping[str, Source] = {source.name: source for source in SOURCES}
"""A name that has no row, such as that of our own strategy, speaks the format of ``GENERIC``."""
