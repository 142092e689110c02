"""The canonical signal, the snapshot description and the run record, as they travel and are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from linkage.contracts.types import (
    MAX_NAME_LENGTH,
    Amount,
    FactTime,
    Key,
    Name,
    NativeId,
    OptionalKey,
    Quantity,
    Side,
    UtcTime,
    Wire,
)
from linkage.domain.canonical import (
    bounded,
    canonical_json,
    check_not_ahead,
    check_price,
    is_number_text,
    sha256_hex,
)
from linkage.domain.keys import is_ours
from linkage.domain.snapshots import Snapshot
from linkage.domain.strict_json import finite_only

from uuid import UUID  # isort: skip  (pydantic needs it at run time)


UNREADABLE = "unreadable"
"""Where a signal's extras have the reasons of values that are null for want of a better one."""

_NUMBERS_OF_EVIDENCE = frozenset(["value", "threshold", "weight", "contribution"])
"""Names within an indicator's evidence whose values are numbers."""

_NON_FINITE = frozenset(sign + text for sign in ("", "+", "-") for text in ("nan", "inf", "infinity"))


class Signal(Wire):
    """One decision for one symbol and side, with its evidence; also the body of ``POST /v1/signals``.

    ``quantity`` is in the base currency, ``notional`` in the quote currency. ``indicator_breakdown`` maps
    an indicator's name to decision, value, threshold, weight and contribution.

    A bad value in the evidence (scores, indicators, extras) costs that value: it is null, and
    ``extra["unreadable"]`` has the reason by its path.
    """

    model_config = ConfigDict(extra="ignore")

    client_order_id: OptionalKey = None
    snapshot_id: UUID | None = None
    snapshot: dict[str, Any] | None = None
    venue: Name | None = None
    account: Name | None = None
    strategy: Name | None = None
    arm: Name = "main"
    propensity: Amount | None = None
    run_id: UUID | None = None
    symbol: Name
    side: Side
    trigger: Name | None = None
    buy_score: Amount | None = None
    sell_score: Amount | None = None
    indicators_fired: list[Name] | None = None
    indicator_breakdown: dict[str, Any] | None = None
    price: Quantity | None = None
    quantity: Quantity | None = None
    notional: Quantity | None = None
    order_type: Name | None = None
    take_profit: Quantity | None = None
    stop_loss: Quantity | None = None
    origin: Name | None = None
    signalled_at: FactTime
    bar_time: FactTime | None = None
    parent_client_order_id: OptionalKey = None
    disposition: Literal["sent", "suppressed"] = "sent"
    guardrail: Name | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _keep_extras(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        unknown = {name: item for name, item in value.items() if name not in cls.model_fields}
        known = {name: item for name, item in value.items() if name in cls.model_fields}
        kept = known.get("extra")
        extra = {**(kept if isinstance(kept, dict) else {}), **unknown}
        unreadable = _make_readable(known)
        extra = finite_only(extra, "", unreadable)
        if unreadable:
            extra[UNREADABLE] = unreadable
        if extra:
            known["extra"] = extra
        return known

    @field_validator("price", "take_profit", "stop_loss")
    @classmethod
    def _price_of_something(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        return check_price(value, info.data.get("trigger"))

    @field_validator("signalled_at", "bar_time")
    @classmethod
    def _has_come(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        return check_not_ahead(value, info.context)

    @model_validator(mode="after")
    def _guardrail_named(self) -> Signal:
        if self.disposition == "suppressed" and self.guardrail is None:
            raise ValueError("guardrail is required when disposition is suppressed")
        return self

    def meaning(self) -> str:
        """Return the SHA-256 of what the signal means; equal for every spelling of one meaning."""
        body = self.model_dump(mode="json", exclude={"extra", "snapshot"}, exclude_none=True)
        return sha256_hex(canonical_json(body))


def _make_readable(fields: dict[str, Any]) -> dict[str, str]:
    """Put null in place of evidence that cannot be read; return the reasons by path."""
    unreadable: dict[str, str] = {}
    for name in ("buy_score", "sell_score"):
        if name in fields:
            fields[name] = _readable_number(fields[name], name, unreadable)
    breakdown, fired = fields.get("indicator_breakdown"), fields.get("indicators_fired")
    if isinstance(breakdown, dict):
        fields["indicator_breakdown"] = _readable_breakdown(breakdown, "indicator_breakdown", unreadable)
    elif breakdown is not None:
        fields["indicator_breakdown"] = None
        unreadable["indicator_breakdown"] = "not an object"
    if isinstance(fired, (list, tuple)):
        names = [name for name in fired if isinstance(name, str) and 0 < len(name.strip()) <= MAX_NAME_LENGTH]
        if len(names) < len(fired):
            unreadable["indicators_fired"] = "an element is no name"
        fields["indicators_fired"] = names
    elif fired is not None:
        fields["indicators_fired"] = None
        unreadable["indicators_fired"] = "not an array"
    return unreadable


def _readable_breakdown(value: Any, path: str, unreadable: dict[str, str]) -> Any:
    """Return evidence with null in place of each number that cannot be computed with.

    Args:
        value: a JSON value. Under a name of ``_NUMBERS_OF_EVIDENCE`` it has to be a number, also as text.
        path: dotted, of the value.
        unreadable: gets the reason of each null, by its path.
    """
    if isinstance(value, Mapping):
        return {name: _readable_breakdown(item, f"{path}.{name}", unreadable) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable_breakdown(item, f"{path}.{n}", unreadable) for n, item in enumerate(value)]
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    has_to_be = path.rpartition(".")[2] in _NUMBERS_OF_EVIDENCE
    if is_number or (isinstance(value, str) and (has_to_be or value.strip().lower() in _NON_FINITE)):
        return _readable_number(value, path, unreadable)
    return value


def _readable_number(value: Any, path: str, unreadable: dict[str, str]) -> Any:
    """Return a number of evidence as it came, or null; digits that it may not have are rounded off."""
    if value is None:
        return None
    try:
        number = _decimal(value)
        rounded = bounded(number)
    except ValueError as error:
        unreadable[path] = str(error)
        return None
    if rounded == number:
        return value
    return str(rounded) if isinstance(value, str) else rounded


def _decimal(value: Any) -> Decimal:
    if isinstance(value, str) and is_number_text(value):
        return Decimal(value.strip())
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    raise ValueError("not a finite number")


class StoredSignal(Wire):
    """A signal as the hot store and the ledger keep it: under its bot, with a key and a snapshot."""

    bot_id: Name
    client_order_id: Key
    snapshot_id: UUID | None
    signal: Signal
    received_at: UtcTime

    def fact_text(self) -> str:
        """Return the row of ``strategy_signals`` as JSON text; its key is (bot_id, client_order_id)."""
        row = self.signal.model_dump(mode="json", exclude={"snapshot"}, exclude_none=True)
        row["trigger_type"] = row.pop("trigger", None)
        row.update(
            bot_id=self.bot_id,
            client_order_id=self.client_order_id,
            snapshot_id=None if self.snapshot_id is None else str(self.snapshot_id),
            key_is_ours=is_ours(self.client_order_id),
            received_at=self.model_dump(mode="json", include={"received_at"})["received_at"],
            meaning=self.signal.meaning(),
        )
        return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


class SnapshotDescription(Wire):
    """A snapshot's parameters: the body of ``POST /v1/snapshots``, and the row of ``snapshot_descriptions``.

    ``snapshot_id`` may be the sender's own (an existing bot has ids of its own); without it the id is
    made from the parameters.
    """

    snapshot_id: UUID | None = None
    strategy: Name
    code_version: Name | None = None
    label: Name | None = None
    parameters: dict[str, Any] = Field(min_length=1)

    def fact_text(self, snapshot: Snapshot, bot_id: str, described_at: str) -> str:
        """Return the row as JSON text; its key is (snapshot_id, config_hash)."""
        row = {
            "snapshot_id": str(self.snapshot_id or snapshot.snapshot_id),
            "bot_id": bot_id,
            "config_hash": snapshot.config_hash,
            "params_hash": snapshot.params_hash,
            "strategy": self.strategy,
            "code_version": self.code_version or snapshot.code_version,
            "label": self.label,
            "parameters": json.loads(canonical_json(self.parameters)),
            "described_at": described_at,
        }
        return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


class RunRecord(Wire):
    """What one invocation of a strategy did with one arm; the row of ``strategy_runs``.

    Its key is ``run_id``. ``arms`` are all arms of that invocation: one that is not among them has ended.
    """

    run_id: UUID
    bot_id: Name
    strategy: Name
    arm: Name = "main"
    arms: list[Name] | None = None
    snapshot_id: UUID
    scheduled_at: UtcTime
    started_at: UtcTime
    duration_ms: int = Field(ge=0)
    symbols_seen: int = Field(ge=0)
    symbols_skipped: dict[str, str] = Field(default_factory=dict)
    signals_sent: int = Field(ge=0)
    signals_repeated: int = Field(default=0, ge=0)
    signals_suppressed: dict[str, int] = Field(default_factory=dict)

    def fact_text(self) -> str:
        """Return the row as JSON text."""
        return self.model_dump_json()


class BotRecord(Wire):
    """A registered bot; the row of ``bots`` (latest ``updated_at`` per ``bot_id`` counts)."""

    bot_id: NativeId
    source: Name
    venue: Name
    account: Name
    mode: Literal["live", "paper", "test"] = "live"
    expects_signals: Literal["yes", "no", "mixed"] = "yes"
    client_id_pattern: str | None = Field(default=None, max_length=255)
    book: Name | None = None
    linked_since: UtcTime
    forward_url: str | None = Field(default=None, max_length=1024)
    forward_authorization: bool = False
    time_zone: Name | None = None
    token_hashes: list[str] = Field(default_factory=list)
    removed: bool = False
    updated_at: UtcTime

    def fact_text(self) -> str:
        """Return the row as JSON text, without anything secret."""
        return self.model_dump_json(exclude={"token_hashes", "forward_url", "forward_authorization"})


class SwitchRecord(Wire):
    """Linking was switched on or off; a fact of ``switch_intervals``. Its key is ``changed_at``."""

    enabled: bool
    changed_at: UtcTime
    changed_by: Name | None = None

    def fact_text(self) -> str:
        """Return the row as JSON text."""
        return self.model_dump_json()
