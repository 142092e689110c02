"""How figures, times and names are written for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from decimal import Context, Decimal

MAX_NAME = 40
OTHER_ORDERS = "other orders on the account"
NOTHING = "–"

_JOINERS = "\u200c\u200d"

DISPOSITIONS: Mapping[str, str] = {
    "linked": "its parameters are known",
    "pending": "a signal is expected, still within its 15 minutes",
    "lost": "a signal was expected and did not come",
    "conflict": "its key fits a signal; symbol, side or time do not",
    "unsignalled": "its bot sends no signals",
    "external": "made by hand, or by somebody else",
    "disabled": "recorded while linking was off",
    "before_linkage": "older than its bot's registration",
}

REASONS: Mapping[str, str] = {
    "no_key": "the order carried no client_order_id",
    "unknown_key": "no signal has this client_order_id",
    "no_signal": "its key is ours, its signal never arrived",
    "no_snapshot": "its signal named no snapshot",
    "symbol": "its key belongs to a signal for another symbol",
    "side": "its key belongs to a signal for the other side",
    "reused": "its key was used before, by an order that had ended",
    "ambiguous": "two signals have this key",
}


def plain(text: str, limit: int = MAX_NAME) -> str:
    """Return a stranger's text on one line, without control or direction characters, cut to a length."""
    kept = "".join(
        character if character in _JOINERS or unicodedata.category(character) not in _UNPRINTABLE else " "
        for character in text
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


_UNPRINTABLE = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


def mode_name(mode: str) -> str:
    """Return what to call a mode; other orders on the account have none."""
    return OTHER_ORDERS if mode == "unknown" else mode


def mode_tag(mode: str) -> str:
    """Return a mode that one would not expect, to stand beside something of it; else nothing."""
    return "" if mode in ("live", "unknown") else mode


def reason(disposition: str, code: str | None) -> str:
    """Return why an order is not linked, in a few words."""
    if code is None:
        return DISPOSITIONS.get(disposition, "")
    return REASONS.get(code) or plain(code.replace("_", " "))


def money(value: Decimal | None) -> str:
    """Return an amount with thousands grouped: two decimals, and below 1 as many as four digits need."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= 1:
        return f"{value:,.2f}"
    digits = 4 - value.adjusted() - 1
    whole, _, decimals = f"{value:.{min(digits, 12)}f}".rstrip("0").partition(".")
    return f"{whole}.{decimals:0<2}"


def number(value: Decimal | None) -> str:
    """Return a score or a quantity as it is, without trailing zeros; a dash for none: none is not 0."""
    if value is None:
        return NOTHING
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: Decimal) -> str:
    """Return a price with as many digits as a person reads; a venue's own may be twice as many."""
    return number(Context(prec=8).plus(value))


def count(value: int) -> str:
    """Return a count with thousands grouped."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Return ``1 order``, ``2 orders``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def clock_time(moment: datetime, zone: tzinfo) -> str:
    """Return ``14:05``."""
    return moment.astimezone(zone).strftime("%H:%M")


def day_and_time(moment: datetime, zone: tzinfo) -> str:
    """Return ``22 Nov 14:05``."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %H:%M}"


def period(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return ``22 Nov 12:00 to 18:00 UTC``, with the second date where it differs."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    name = last.tzname() or "UTC"
    ending = f"{last:%H:%M}" if first.date() == last.date() else day_and_time(last, zone)
    year = f" {first.year}" if first.year != last.year else ""
    return f"{first.day} {first:%b}{year} {first:%H:%M} to {ending} {name}"


def length(start: datetime, end: datetime) -> str:
    """Return the length of a period: ``6 hours``, ``90 minutes``, ``8 h 25 min``, ``7 days``."""
    minutes = round((end - start).total_seconds() / 60)
    if minutes and minutes % (24 * 60) == 0 and minutes > 24 * 60:
        return plural(minutes // (24 * 60), "day")
    if minutes and minutes % 60 == 0:
        return plural(minutes // 60, "hour")
    return plural(minutes, "minute") if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def signed(value: Decimal | None, currency: str = "") -> str:
    """Return a gain or loss with its sign, and its currency when one is given: ``+41.20 USD``."""
    if value is None:
        return NOTHING
    sign = "+" if value > 0 else "−" if value < 0 else ""
    text = f"{sign}{money(abs(value))}"
    return f"{text} {plain(currency, 12)}" if currency else text


def percent(share: Decimal | None, digits: int = 0) -> str:
    """Return a share of 1 as per cent: ``58 %``."""
    return NOTHING if share is None else f"{share * 100:.{digits}f} %".replace("-", "−")


def gain(share: Decimal | None, digits: int = 2) -> str:
    """Return a gain or loss as per cent, with its sign: ``+0.31 %``."""
    sign = "+" if share is not None and share > 0 else ""
    return f"{sign}{percent(share, digits)}"


def curve(points: Sequence[tuple[datetime, Decimal]], until: datetime, width: int = 32) -> str:
    """Return a curve over time as one line of blocks, the lowest value lowest: ``▁▃▆▄▁▅█``.

    Args:
        points: times and values, in order of time, at least one; each value holds until the next.
        until: where the line ends.
    """
    start = points[0][0]
    times = [start + (until - start) * number / width for number in range(1, width + 1)]
    shown = [next(value for at, value in reversed(points) if at <= time) for time in times]
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_BLOCKS[int((value - low) / span * 7) if span else 0] for value in shown)


_BLOCKS = "▁▂▃▄▅▆▇█"


def age(seconds: Decimal | float) -> str:
    """Return how long something has lasted, to its largest unit or two: ``45 s``, ``26 h``, ``3 days``."""
    value = float(seconds)
    if value < 120:
        return f"{value:.0f} s"
    if value < 2 * 3600:
        return f"{value / 60:.0f} min"
    if value < 72 * 3600:
        return f"{value / 3600:.0f} h"
    return f"{value / 86400:.0f} days"


def more(hidden: int, one: str, many: str | None = None, *, file: str = "") -> str:
    """Return ``and 2 more orders in orders.csv``; empty where nothing is hidden."""
    place = f" in {file}" if file else ""
    return f"and {plural(hidden, one, many)}{place}" if hidden > 0 else ""
