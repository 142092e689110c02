"""What a bot's owner pastes where, by what the bot speaks."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from linkage.contracts.signals import BotRecord


@dataclass(frozen=True, slots=True)
class Guide:
    """Where the bot posts, and what to tell it."""

    url: str
    text: str


def instructions(record: BotRecord, *, api_url: str, token: str) -> Guide:
    """Return the guide of one bot; the token is in it, so it is for its owner's eyes only."""
    path, template = _BY_SOURCE.get(record.source, _GENERIC)
    url = api_url + path
    text = (
        dedent(template)
        .strip()
        .format(url=url, api=api_url, token=token, venue=record.venue, account=record.account)
    )
    if record.source == "bottrader":
        text += "\n\n" + _tee(record)
    return Guide(url, text)


def _tee(record: BotRecord) -> str:
    if record.forward_url is None:
        return (
            "No --forward-url was given: posts are stored and go nowhere. If the order process listened to\n"
            "them until now, remove this bot and add it again with --forward-url."
        )
    return f"Each post is stored, then forwarded unchanged to {record.forward_url}."


_SIGNAL = """
curl -sS {api}/v1/signals -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{{"client_order_id":"my-order-1","symbol":"BTC-USD","side":"buy","buy_score":5.5,
       "trigger":"roc","price":"43000","notional":"20","signalled_at":"2026-01-02T03:04:05Z",
       "snapshot":{{"strategy":"my-strategy","rsi_period":14}}}}'
"""

_FILL = """
curl -sS {api}/v1/fills/generic -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\
  -d '{{"order_id":"<order id of the venue>","fill_id":"<trade id>","client_order_id":"my-order-1",
       "symbol":"BTC-USD","side":"buy","price":"43000","quantity":"0.0005","fee":"0.02",
       "fee_currency":"USD","executed_at":"2026-01-02T03:04:06Z"}}'
"""

_GENERIC = (
    "/v1/signals",
    f"""
Before the order is placed, post its signal:
{_SIGNAL}
Place the order with the same client_order_id, then post its fills:
{_FILL}
An order that carries no client_order_id is made known by POST {{api}}/v1/orders
with client_order_id, venue, account and order_id. See docs/bots.md.
""",
)

_BOTTRADER = (
    "/webhook",
    """
In the signal process:
  webhook URL    {url}
  bearer token   {token}

For the link, one of the two (docs/bots.md has the ten lines):
  - the order process places the order with the post's order_id as client_order_id, or
  - it tells both ids after placing:
    POST {api}/v1/orders
    {{"client_order_id":"<order_id of the post>","order_id":"<order id of the venue>",
     "venue":"{venue}","account":"{account}"}}
""",
)

_TRADINGVIEW = (
    "/v1/signals",
    f"""
TradingView's alerts cannot set a header, so they cannot reach this URL by themselves. Let the program
that receives them post each one here, with the key that it gives to the order:
{_SIGNAL}
Symbols may stay as TradingView spells them (COINBASE:BTCUSD). See docs/bots.md.
""",
)

_FREQTRADE = (
    "/v1/signals",
    f"""
freqtrade's own webhooks cannot set a header and carry no key. Post from the strategy itself, in
confirm_trade_entry and confirm_trade_exit, before the order is placed:
{_SIGNAL}
""",
)

_CCXT = (
    "/v1/signals",
    f"""
Post the signal, place the order with its key, then post the fills:
{_SIGNAL}
  exchange.create_order("BTC/USD", "market", "buy", amount, params={{{{"clientOrderId": key}}}})
  (coinbase: params={{{{"client_order_id": key}}}}; it ignores the other spelling and sends an id of its own)
{_FILL}
Symbols may stay as CCXT spells them (BTC/USD, BTC/USDT:USDT).
""",
)

_BY_SOURCE = {
    "bottrader": _BOTTRADER,
    "tradingview": _TRADINGVIEW,
    "freqtrade": _FREQTRADE,
    "ccxt": _CCXT,
    "generic": _GENERIC,
}
