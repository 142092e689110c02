"""Which symbols a setting names: a list, all, those of a quote currency, or the most traded of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from linkage.domain.errors import ConfigurationError

_CURRENCY = re.compile(r"[A-Z0-9]{2,16}")


@dataclass(frozen=True, slots=True)
class Universe:
    """What a strategy may trade.

    Attributes:
        symbols: BASE-QUOTE, sorted; empty when the market is asked.
        quote: only symbols of this quote currency.
        top: only so many, the most traded by volume in the quote currency.
    """

    symbols: tuple[str, ...] = ()
    quote: str | None = None
    top: int | None = None

    def __str__(self) -> str:
        """Return its one spelling, which is part of the snapshot."""
        if self.symbols:
            return ",".join(self.symbols)
        parts = [f"quote:{self.quote}"] if self.quote else []
        parts += [f"top:{self.top}"] if self.top else []
        return " ".join(parts) or "*"


def parse_universe(setting: str) -> Universe:
    """Return the universe that a setting names: ``BTC-USD,ETH-USD``, ``*``, or ``quote:USDT top:50``.

    Raises:
        ConfigurationError: it names none; says why.
    """
    parts = setting.split()
    if not any(part.startswith(("quote:", "top:")) for part in parts):
        symbols = sorted({part.strip() for part in setting.split(",") if part.strip() not in ("", "*")})
        for symbol in symbols:
            if len(symbol.split()) > 1:
                raise _wrong(setting, f"{symbol!r} is no symbol; a comma separates two")
        return Universe(tuple(symbols))
    found: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition(":")
        if name not in ("quote", "top") or name in found:
            raise _wrong(setting, f"{part!r} is neither quote:CURRENCY nor top:NUMBER, or comes twice")
        found[name] = value
    quote, top = found.get("quote"), found.get("top")
    if quote is not None and not _CURRENCY.fullmatch(quote):
        raise _wrong(setting, f"{quote!r} is no currency")
    if top is not None and not (top.isdecimal() and 1 <= int(top) <= 5000):
        raise _wrong(setting, f"{top!r} is no number from 1 to 5000")
    return Universe(quote=quote, top=None if top is None else int(top))


def quote_of(symbol: str) -> str:
    """Return the quote currency of BASE-QUOTE or BASE-QUOTE:SETTLE."""
    return symbol.partition(":")[0].rpartition("-")[2]


def _wrong(setting: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"symbols {setting!r}: {why}", field="symbols")
