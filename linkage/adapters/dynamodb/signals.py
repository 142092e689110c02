"""The hot store of signals in DynamoDB, and the switch that an operator turns.

DynamoDB deletes expired items some time within days of their expiry. No answer given here depends on
when: expiry is compared on every read, and in the condition of every write.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from linkage.adapters.dynamodb.table import ConditionFailedError, item_key, store_errors
from linkage.contracts import items
from linkage.domain.canonical import iso_utc, parse_utc
from linkage.domain.errors import StoreUnavailableError
from linkage.domain.facts import SignalKey
from linkage.ports.clock import Clock
from linkage.ports.store import ForwardStatus, HotItem, PutOutcome

BATCH_GET_LIMIT = 100
UNPROCESSED_ROUNDS = 4
PUT_ROUNDS = 3
_ABSENT = f"attribute_not_exists({items.PK}) OR {items.TTL_ATTRIBUTE} <= :now"
_OPEN = "attribute_not_exists(forwarded_at) AND attribute_not_exists(forward_refused)"
_OWNED = "forward_owner = :owner"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Item = Mapping[str, Mapping[str, Any]]


class DynamoSignalStore:
    """Signals, snapshots and runs of the last weeks, one item each.

    Args:
        table_name: the table; ``linkage.contracts.items`` describes what is in it.
        client: a boto3 DynamoDB client. Its time-outs and retries are the caller's decision.
        clock: decides what has expired.
        pause: waits between two rounds of a batch read that was answered in part.
    """

    def __init__(
        self, table_name: str, client: Any, clock: Clock, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._table = table_name
        self._client = client
        self._clock = clock
        self._pause = pause

    def put_signal(
        self, key: SignalKey, *, fact: str, meaning: str, disposition: str, received_at: datetime
    ) -> PutOutcome:
        """Store a signal under its key unless a living one is there; see ``ports.store.SignalStore``."""
        item = {
            **_signal_key(key),
            **_common("signal", fact, received_at),
            "meaning": {"S": meaning},
            "disposition": {"S": disposition},
            "bot_id": {"S": key.bot_id},
            "client_order_id": {"S": key.client_order_id},
            items.TTL_ATTRIBUTE: {"N": _epoch(received_at + timedelta(days=items.SIGNAL_TTL_DAYS))},
        }
        for _ in range(PUT_ROUNDS):
            if self._put_if_absent(item):
                return "stored"
            present = self._get(item[items.PK]["S"], items.SIGNAL_SK)
            if present is not None:
                return "repeated" if present["meaning"]["S"] == meaning else "conflict"
            # It expired, or was deleted, between the write and the read: the write can now succeed.
        raise StoreUnavailableError(f"signal {key.client_order_id!r} came and went {PUT_ROUNDS} times")

    def get_signals(self, keys: Sequence[SignalKey]) -> Mapping[SignalKey, str]:
        """Return the facts of those signals that are there, read consistently."""
        by_pk = {_signal_pk(key): key for key in keys}
        found = self._batch_get([(pk, items.SIGNAL_SK) for pk in by_pk])
        return {by_pk[item[items.PK]["S"]]: item["body"]["S"] for item in found}

    def lease_forward(self, key: SignalKey, *, owner: str, until: datetime) -> ForwardStatus:
        """Take the lease of a signal's forward; see ``ports.store.SignalStore``."""
        # The owner's own lease passes: botocore repeats a call whose answer was lost.
        free = "(attribute_not_exists(forward_owner) OR forward_owner = :owner OR forward_until <= :clock)"
        try:
            self._update(
                key,
                "SET forward_owner = :owner, forward_until = :until",
                f"attribute_exists({items.PK}) AND {items.TTL_ATTRIBUTE} > :now AND {_OPEN} AND {free}",
                {
                    ":owner": {"S": owner},
                    ":until": {"N": _epoch_ms(until)},
                    ":clock": {"N": _epoch_ms(self._clock.now())},
                    ":now": {"N": _epoch(self._clock.now())},
                },
            )
        except ConditionFailedError:
            return self.forward_status(key)
        return ForwardStatus("leased", until)

    def forward_status(self, key: SignalKey) -> ForwardStatus:
        """Return what is known of a signal's forward; see ``ports.store.SignalStore``."""
        item = self._get(_signal_pk(key), items.SIGNAL_SK)
        if item is None:
            return ForwardStatus("gone")
        if "forwarded_at" in item:
            return ForwardStatus("forwarded")
        if "forward_refused" in item:
            return ForwardStatus("refused", status_code=int(item["forward_refused"]["N"]))
        if "forward_owner" in item:
            until = datetime.fromtimestamp(int(item["forward_until"]["N"]) / 1000, UTC)
            if until > self._clock.now():
                return ForwardStatus("running", until)
        return ForwardStatus("open")

    def settle_forward(self, key: SignalKey, *, owner: str, at: datetime, refused: int | None = None) -> bool:
        """Record a forward's outcome, if the lease is still the owner's."""
        if refused is None:
            change = "SET forwarded_at = if_not_exists(forwarded_at, :at)"
            values: dict[str, Any] = {":at": {"S": iso_utc(at)}}
        else:
            change, values = "SET forward_refused = :status", {":status": {"N": str(refused)}}
        try:
            self._update(key, change, _OWNED, {**values, ":owner": {"S": owner}})
        except ConditionFailedError:
            return False
        return True

    def release_forward(self, key: SignalKey, *, owner: str) -> None:
        """Give a lease back; nothing happens when somebody else has it."""
        try:
            self._update(key, "REMOVE forward_owner, forward_until", _OWNED, {":owner": {"S": owner}})
        except ConditionFailedError:
            return

    def _update(self, key: SignalKey, change: str, condition: str, values: Mapping[str, Any]) -> None:
        with store_errors():
            self._client.update_item(
                TableName=self._table,
                Key=_signal_key(key),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )

    def put_snapshot(self, snapshot_id: str, config_hash: str, *, fact: str, received_at: datetime) -> bool:
        """Store a snapshot's description, which never expires; False when it was there already."""
        return self._put_if_absent(
            {
                **item_key(items.SNAPSHOT_PREFIX + snapshot_id, items.SNAPSHOT_PREFIX + config_hash),
                **_common("snapshot", fact, received_at),
            }
        )

    def put_run(self, run_id: str, *, fact: str, received_at: datetime) -> bool:
        """Store a run's record; False when that run was there already."""
        expires = _epoch(received_at + timedelta(days=items.RUN_TTL_DAYS))
        return self._put_if_absent(
            {
                **item_key(items.RUN_PREFIX + run_id, items.RUN_SK),
                **_common("run", fact, received_at),
                items.TTL_ATTRIBUTE: {"N": expires},
            }
        )

    def recent(self, hours: Sequence[str]) -> Iterable[HotItem]:
        """Yield the bots and the switch as they are now, then what was received in these hours."""
        yield from self._standing()
        for hour in hours:
            keys = list(self._keys_of_hour(hour))
            for start in range(0, len(keys), BATCH_GET_LIMIT):
                found = self._batch_get(keys[start : start + BATCH_GET_LIMIT])
                hot = [_hot_item(item) for item in found]
                yield from sorted(hot, key=lambda item: (item.received_at, item.body))

    def _standing(self) -> list[HotItem]:
        """What never expires and has no hour: few items, each the latest of its kind."""
        pages: list[Item] = []
        start: dict[str, Any] = {}
        while True:
            with store_errors():
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression=f"{items.PK} = :bots",
                    ExpressionAttributeValues={":bots": {"S": items.BOT_PK}},
                    **start,
                )
            pages.extend(page["Items"])
            if not page.get("LastEvaluatedKey"):
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        switch = self._get(items.SWITCH_PK, items.SWITCH_SK)
        return [_hot_item(item) for item in (*pages, *([switch] if switch else []))]

    def _keys_of_hour(self, hour: str) -> Iterator[tuple[str, str]]:
        start: dict[str, Any] = {}
        while True:
            with store_errors():
                page = self._client.query(
                    TableName=self._table,
                    IndexName=items.HOUR_INDEX,
                    KeyConditionExpression="#hour = :hour",
                    ExpressionAttributeNames={"#hour": items.HOUR_INDEX_PK},
                    ExpressionAttributeValues={":hour": {"S": hour}},
                    **start,
                )
            for item in page["Items"]:
                yield item[items.PK]["S"], item[items.SK]["S"]
            if not page.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _put_if_absent(self, item: Item) -> bool:
        try:
            with store_errors():
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=_ABSENT,
                    ExpressionAttributeValues={":now": {"N": _epoch(self._clock.now())}},
                )
        except ConditionFailedError:
            return False
        return True

    def _get(self, pk: str, sk: str) -> Item | None:
        with store_errors():
            reply = self._client.get_item(TableName=self._table, Key=item_key(pk, sk), ConsistentRead=True)
        item: Item | None = reply.get("Item")
        return item if item is not None and self._alive(item) else None

    def _batch_get(self, keys: Sequence[tuple[str, str]]) -> list[Item]:
        found: list[Item] = []
        for start in range(0, len(keys), BATCH_GET_LIMIT):
            wanted = [item_key(pk, sk) for pk, sk in keys[start : start + BATCH_GET_LIMIT]]
            found.extend(self._batch_get_all(wanted))
        return [item for item in found if self._alive(item)]

    def _batch_get_all(self, wanted: list[dict[str, Any]]) -> Iterator[Item]:
        request = {self._table: {"Keys": wanted, "ConsistentRead": True}}
        for attempt in range(UNPROCESSED_ROUNDS):
            if attempt:
                self._pause(0.025 * 2**attempt)
            with store_errors():
                reply = self._client.batch_get_item(RequestItems=request)
            yield from reply["Responses"].get(self._table, ())
            request = reply.get("UnprocessedKeys") or {}
            if not request:
                return
        raise StoreUnavailableError("the table answered a batch read only in part")

    def _alive(self, item: Item) -> bool:
        expires = item.get(items.TTL_ATTRIBUTE)
        return expires is None or int(expires["N"]) > int(self._clock.now().timestamp())


class DynamoSwitchboard:
    """The linking switch. Its last position is one item; every change reaches the ledger by the stream.

    Args:
        table_name: the table that holds the switch.
        client: a boto3 DynamoDB client.
    """

    def __init__(self, table_name: str, client: Any) -> None:
        self._table = table_name
        self._client = client

    def linking_enabled(self) -> bool:
        """Tell whether linking is on; on when nobody ever turned it off.

        Raises:
            StoreUnavailableError: the switch cannot be read, or what is there is no switch.
        """
        with store_errors():
            reply = self._client.get_item(
                TableName=self._table, Key=item_key(items.SWITCH_PK, items.SWITCH_SK), ConsistentRead=True
            )
        if "Item" not in reply:
            return True
        try:
            enabled = json.loads(reply["Item"]["body"]["S"])["enabled"]
        except (KeyError, TypeError, ValueError):
            raise StoreUnavailableError("the switch item cannot be read") from None
        return enabled is not False

    def turn(self, fact: str, *, changed_at: datetime) -> None:
        """Turn the switch; ``fact`` is ``SwitchRecord.fact_text()``."""
        item = {**item_key(items.SWITCH_PK, items.SWITCH_SK), **_common("switch", fact, changed_at)}
        # The switch is not swept by the hour: it is one item, whatever its age.
        del item[items.HOUR_INDEX_PK]
        with store_errors():
            self._client.put_item(TableName=self._table, Item=item)


def _signal_pk(key: SignalKey) -> str:
    return f"{items.SIGNAL_PREFIX}{key.bot_id}#{key.client_order_id}"


def _signal_key(key: SignalKey) -> dict[str, Any]:
    return item_key(_signal_pk(key), items.SIGNAL_SK)


def _common(kind: str, fact: str, received_at: datetime) -> dict[str, Any]:
    received = iso_utc(received_at)
    return {
        "kind": {"S": kind},
        "body": {"S": fact},
        items.HOUR_INDEX_SK: {"S": received},
        items.HOUR_INDEX_PK: {"S": received[:13]},
    }


def _hot_item(item: Item) -> HotItem:
    return HotItem(
        kind=item["kind"]["S"],
        body=item["body"]["S"],
        received_at=parse_utc(item[items.HOUR_INDEX_SK]["S"]),
    )


def _epoch(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def _epoch_ms(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(milliseconds=1))
