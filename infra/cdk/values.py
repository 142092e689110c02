"""The types of context values: how each is read, and what no function could use.

A wrong value is refused before anything is deployed, with what the functions themselves read it by where that
is known here.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from linkage.domain.candle_bucket import parse_candle_bucket
from linkage.domain.errors import ConfigurationError
from linkage.domain.universe import parse_universe

MARKET_ADDRESSES = {
    "simulation": "simulation:<seed>",
    "files": "files:<folder>",
    "s3": "s3://bucket/prefix",
    "ccxt": "ccxt:<exchange>",
}
"""How a market is named, by the scheme of its address."""

_MAIL_ADDRESS = re.compile(r"[^\s@,;<>\x00]+@[^\s@,;<>\x00]+")
# Names of the CDK's own context have a mark that none of ours has, but for this one.
_CDK_MARKS = re.compile(r"[@:/]")
_CDK_NAMES = {"acknowledged-issue-numbers"}


def unknown_names(given: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return what is wrong with each name of context that is neither ours nor the CDK's."""
    names = [*known]
    unknown = []
    for name in sorted({*given} - {*names} - _CDK_NAMES):
        if _CDK_MARKS.search(name):
            continue
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        unknown.append(f"context {name}: there is no such value{hint}")
    return unknown


def read_document(value: object) -> dict[str, Any]:
    """Return an object that is given as itself or as JSON text. The message never repeats its content.

    Raises:
        ValueError: it is none.
    """
    try:
        document = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - pydantic adds a field's name to these only
    return document


def _addresses(value: object) -> object:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return value
    return [address for item in items if (address := str(item).strip())]


def _mail_address(value: str) -> str:
    if not _MAIL_ADDRESS.fullmatch(value):
        raise ValueError(f"{value!r} is no mail address")
    return value


def _market(value: str) -> str:
    scheme, _, rest = value.partition(":")
    if scheme not in MARKET_ADDRESSES or not rest:
        raise ValueError(f"{value!r} is none of {', '.join(MARKET_ADDRESSES.values())}")
    if scheme == "simulation" and not rest.isdecimal():
        raise ValueError(f"{value!r} has a seed that is no number")
    if scheme == "s3":
        try:
            parse_candle_bucket(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
    return value


def _symbols(value: str) -> str:
    try:
        parse_universe(value)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder of zones
        raise ValueError(f"{value!r} is no IANA time zone") from None
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[
    tuple[MailAddress, ...], BeforeValidator(_addresses, json_schema_input_type=str | list[str])
]
Passwords = Annotated[dict[str, str], BeforeValidator(read_document, json_schema_input_type=dict[str, str])]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Mode = Literal["live", "paper", "test"]
MarketAddress = Annotated[str, AfterValidator(_market)]
Symbols = Annotated[str, AfterValidator(_symbols)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
