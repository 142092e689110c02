"""Arms: several sets of parameters of one strategy that trade side by side, each on its share of the bars.

Which arm decides on a symbol's bar is a hash of both, so a run that is repeated chooses as before, and over
time every arm meets every symbol and every market. A document without arms is one arm, ``main``::

    rsi_buy = 30

    [arms.main]
    share = 0.5

    [arms.challenger]
    share = 0.5
    rsi_buy = 25
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from linkage.domain.canonical import iso_utc
from linkage.domain.errors import ConfigurationError
from linkage.domain.snapshots import MAIN_ARM
from linkage.strategy.documents import read_document
from linkage.strategy.parameters import StrategyParameters
from linkage.strategy.plugin import NAME, Strategy

MAX_ARMS = 8
_HASHES = Decimal(2**64)


@dataclass(frozen=True, slots=True)
class Arm:
    """One set of parameters.

    Attributes:
        share: of all symbols and bars, more than 0 and at most 1: the propensity of its signals.
        label: what a person calls this set; not part of its identity.
    """

    name: str
    share: Decimal
    parameters: StrategyParameters
    label: str | None = None


def default_arms(strategy: Strategy[Any]) -> tuple[Arm, ...]:
    """Return the one arm of a strategy whose parameters nobody changed."""
    return (Arm(MAIN_ARM, Decimal(1), strategy.parameters()),)


def parse_arms(strategy: Strategy[Any], document: str) -> tuple[Arm, ...]:
    """Return the arms of a TOML or JSON document, sorted by name.

    ``arms`` is a table of arms; what stands outside it counts for all of them, what stands in an arm for
    that one. ``label`` names a set, outside or in an arm.

    Raises:
        ConfigurationError: it cannot be read, a field is unknown, of the wrong type or out of bounds, the
            shares do not add up to 1, or the arms do not have the same interval; ``field`` is its path.
    """
    values = read_document(document)
    label = _label(values.pop("label", None), "label")
    if "arms" not in values:
        return (Arm(MAIN_ARM, Decimal(1), strategy.parse_values(values), label),)
    tables = values.pop("arms")
    if not isinstance(tables, Mapping) or not 1 <= len(tables) <= MAX_ARMS:
        raise ConfigurationError(f"arms: must be a table of 1 to {MAX_ARMS} arms", field="arms")
    arms = tuple(_arm(strategy, name, tables[name], values, label) for name in sorted(tables))
    total = sum(arm.share for arm in arms)
    if total != 1:
        raise ConfigurationError(f"arms: the shares must add up to 1, not {total}", field="arms")
    for arm in arms[1:]:
        if arm.parameters.interval_seconds != arms[0].parameters.interval_seconds:
            field = f"arms.{arm.name}.interval_seconds"
            raise ConfigurationError(f"{field}: must be the same for all arms", field=field)
    return arms


def overridden(document: str | None, override: str) -> str | None:
    """Return a document in which the fields of another one take precedence, as JSON.

    A document that cannot be read stays as it is, for whoever parses it to say what is wrong.

    Raises:
        ConfigurationError: the other one cannot be read.
    """
    if not override:
        return document
    own = read_document(override)
    try:
        common = read_document(document or "")
    except ConfigurationError:
        return document
    return json.dumps(_merged(common, own), default=str)


def choose_arm(arms: Sequence[Arm], strategy: str, symbol: str, bar_time: datetime) -> Arm:
    """Return the arm that decides on this symbol at this bar.

    Args:
        arms: of one document, sorted by name.
        strategy: its name, so that two strategies do not choose alike.
        symbol: BASE-QUOTE.
        bar_time: any time that stands for the bar, the same in each run; aware UTC.
    """
    if len(arms) == 1:
        return arms[0]
    text = f"{strategy}\x1f{symbol}\x1f{iso_utc(bar_time)}"
    position = Decimal(int.from_bytes(sha256(text.encode()).digest()[:8], "big")) / _HASHES
    reached = Decimal(0)
    for arm in arms:
        reached += arm.share
        if position < reached:
            return arm
    return arms[-1]


def _arm(
    strategy: Strategy[Any], name: str, table: object, common: Mapping[str, Any], label: str | None
) -> Arm:
    place = f"arms.{name}"
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"{place}: a name has up to 32 of a-z, 0-9, _ and -", field=place)
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{place}: must be a table", field=place)
    own = dict(table)
    share = _share(own.pop("share", None), f"{place}.share")
    own_label = _label(own.pop("label", label), f"{place}.label")
    try:
        parameters = strategy.parse_values(_merged(common, own))
    except ConfigurationError as error:
        if not _mentions(own, error.field):
            raise
        raise ConfigurationError(f"{place}.{error}", field=f"{place}.{error.field}") from None
    return Arm(name, share, parameters, own_label)


def _share(value: object, place: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"{place}: must be a number", field=place)
    share = Decimal(repr(value))
    if not 0 < share <= 1:
        raise ConfigurationError(f"{place}: must be more than 0 and at most 1", field=place)
    return share


def _label(value: object, place: str) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= 64):
        return value
    raise ConfigurationError(f"{place}: must be a text of 1 to 64 characters", field=place)


def _mentions(table: Mapping[str, Any], path: str) -> bool:
    """Tell whether a table itself holds what is wrong, or the rule spans several fields."""
    value: object = table
    for name in path.split(".") if path else ():
        if not isinstance(value, Mapping):
            break
        if name not in value:
            return False
        value = value[name]
    return True


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(common)
    for name, value in own.items():
        before = merged.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    return merged
