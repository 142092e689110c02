"""Instruments: the many spellings of venues and bots, and our one, ``BASE-QUOTE``.

Contracts carry their settlement currency: ``BASE-QUOTE:SETTLE``. A spelling that neither the tables
nor the rules understand is kept as it came, so that nothing is lost to a wrong guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CANONICAL = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,12}(:[A-Z0-9]{1,12})?")
_ASSET = re.compile(r"[A-Z0-9]{1,20}")

_ALIASES = {"XBT": "BTC", "XXBT": "BTC", "XDG": "DOGE", "XXDG": "DOGE"}
"""Names of assets that mean the same asset."""

_KRAKEN_PAIR = re.compile(r"X([A-Z]{3})([XZ])([A-Z]{3})")
_KRAKEN_CRYPTO = frozenset(["XBT", "ETH", "LTC", "XDG", "ETC", "REP", "XLM", "XMR", "XRP", "ZEC", "MLN"])
_KRAKEN_FIAT = frozenset(["USD", "EUR", "GBP", "CAD", "JPY", "AUD", "CHF"])

_QUOTES = (
    "FDUSD", "USDT", "USDC", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "AUD", "CAD", "CHF", "DAI", "XBT",
    "BTC", "ETH", "BNB",
)  # fmt: skip
"""Quote currencies by which spellings without a separator are cut; no one of them is another's end,
except that USD ends FDUSD, which therefore comes first. TUSD and BUSD are left out on purpose: DOTUSD
and SHIBUSD would be cut in the wrong place."""

_PERPETUAL_SUFFIXES = (".P", "PERP", "-SWAP")

_BY_VENUE = {
    ("bitmex", "XBTUSD"): "BTC-USD:BTC",
    ("bitmex", "XBTUSDT"): "BTC-USDT:USDT",
    ("bitmex", "ETHUSD"): "ETH-USD:BTC",
}
"""Spellings that mean something else at one venue than everywhere else."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a spelling means.

    Attributes:
        symbol: ``BASE-QUOTE`` or ``BASE-QUOTE:SETTLE``; the spelling itself when it is not known.
        known: whether a table or a rule understood it.
    """

    symbol: str
    known: bool


def normalise_symbol(spelling: str, venue: str = "") -> Instrument:
    """Return the instrument that a venue or a bot means; applying it twice changes nothing.

    Args:
        spelling: such as ``BTC/USD``, ``XBTUSD``, ``btc_usdt``, ``COINBASE:BTCUSD``, ``BTC/USDT:USDT``.
        venue: whose spelling it is, where that matters.
    """
    text = spelling.strip()
    upper = text.upper()
    found = (
        _BY_VENUE.get((venue.lower(), upper))
        or _canonical(upper)
        or _perpetual(upper)
        or _separated(upper)
        or _joined(upper)
    )
    return Instrument(text, known=False) if found is None else Instrument(found, known=True)


def _canonical(text: str) -> str | None:
    """``BTC-USD``, ``BTC-USDT:USDT``; aliases of assets are still to be replaced."""
    if not _CANONICAL.fullmatch(text):
        return None
    pair, _, settle = text.partition(":")
    base, _, quote = pair.partition("-")
    return None if quote in ("PERP", "SWAP") else _spell(base, quote, settle)


def _perpetual(text: str) -> str | None:
    """``BTCUSDT.P`` (TradingView), ``BTC-USDT-SWAP`` (OKX), ``BTC-PERP-INTX`` (Coinbase)."""
    if text.endswith("-PERP-INTX"):
        base = text.removesuffix("-PERP-INTX")
        return _spell(base, "USDC", "USDC") if _ASSET.fullmatch(base) else None
    suffix = next((ending for ending in _PERPETUAL_SUFFIXES if text.endswith(ending)), None)
    if suffix is None:
        return None
    rest = text.removesuffix(suffix).rpartition(":")[2]
    pair = _canonical(rest) or _separated(rest) or _joined(rest)
    if pair is None or ":" in pair:
        return None
    base, _, quote = pair.partition("-")
    return _spell(base, quote, base if quote == "USD" else quote)


def _separated(text: str) -> str | None:
    """``BTC/USD``, ``BTC_USDT``, ``BTC/USDT:USDT`` (CCXT), ``KRAKEN:BTC/USD`` (TradingView)."""
    left, colon, right = text.partition(":")
    if colon and not re.search(r"[-/_]", left):
        text, settle = right, ""
    else:
        text, settle = left, right
    parts = re.split(r"[-/_]", text)
    if len(parts) != 2 or not all(_ASSET.fullmatch(part) for part in parts):
        return None
    if settle and not _ASSET.fullmatch(settle):
        return None
    if len(parts[1]) > 12 or len(settle) > 12 or parts[1] in ("PERP", "SWAP") or parts[0] in ("PF", "PI"):
        return None
    return _spell(parts[0], parts[1], settle)


def _joined(text: str) -> str | None:
    """``BTCUSD``, ``XXBTZUSD`` (Kraken), ``COINBASE:BTCUSD`` (TradingView)."""
    text = text.rpartition(":")[2]
    if not _ASSET.fullmatch(text):
        return None
    kraken = _KRAKEN_PAIR.fullmatch(text)
    if kraken and kraken[1] in _KRAKEN_CRYPTO:
        quotes = _KRAKEN_FIAT if kraken[2] == "Z" else _KRAKEN_CRYPTO
        if kraken[3] in quotes:
            return _spell(kraken[1], kraken[3])
    for quote in _QUOTES:
        base = text.removesuffix(quote)
        if base != text and len(base) >= 2:
            return _spell(base, quote)
    return None


def _spell(base: str, quote: str, settle: str = "") -> str:
    pair = f"{_ALIASES.get(base, base)}-{_ALIASES.get(quote, quote)}"
    return f"{pair}:{_ALIASES.get(settle, settle)}" if settle else pair
