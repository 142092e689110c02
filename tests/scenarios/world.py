"""The product around a scenario: the real handlers over a table in moto and a real PostgreSQL.

The clock of the functions stands still until a scenario moves it; PostgreSQL has its own.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
import pytest
from standardwebhooks import Webhook

from functions.recorder import handler as recorder
from functions.webhook import handler as webhook
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.adapters.dynamodb.signals import DynamoSignalStore, DynamoSwitchboard
from linkage.contracts.items import SIGNAL_TTL_DAYS
from linkage.contracts.signals import BotRecord, RunRecord, SwitchRecord
from linkage.domain.canonical import parse_utc
from linkage.domain.facts import SignalKey
from linkage.domain.ids import BotId, ClientOrderId
from linkage.domain.snapshots import make_run_id
from linkage.domain.tokens import hash_token
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from linkage.runtime.observability import SystemClock
from tests.support.clock import FrozenClock
from tests.support.dynamodb import ShortCut, SignalsTable, create_signals_table, replace_client
from tests.support.events import NOW, native_id, our_key, signal, sqs_event
from tests.support.ledger import LedgerDatabase

WEBHOOK_KEY = "whsec_" + base64.b64encode(b"0123456789abcdef" * 3).decode()
VENUE, ACCOUNT = "coinbase", "main"
NOWHERE = "http://127.0.0.1:9"
LONG_AGO = UUID("99999999-2222-5333-8444-555555555555")
"""The snapshot of signals that expired before a scenario began: it must never be seen."""

Expiry = Literal["present", "late", "at once"]

_STAMPS = frozenset(
    {
        "first_recorded_at",
        "updated_at",
        "linked_at",
        "first_seen_at",
        "found_at",
        "recorded_at",
        "described_at",
    }
)
_DERIVED = (
    "trade_records", "trade_strategy_link", "strategy_snapshots", "strategy_activations", "link_vetoes",
    "fill_conflicts",
)  # fmt: skip
_KEPT = ("bots", "snapshot_descriptions", "strategy_snapshots", "switch_intervals")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Posted:
    """In a sequence of deliveries: a signal is posted, and the stream carries it."""

    key: str
    snapshot: UUID


@dataclass(frozen=True)
class Family:
    """Orders and keys of one history, and the sequence in which its events are delivered."""

    number: int
    sequence: tuple[int, ...]

    @property
    def o1(self) -> str:
        """Its first order."""
        return native_id(1000 + 10 * self.number)

    @property
    def o2(self) -> str:
        """Its second order."""
        return native_id(1000 + 10 * self.number + 1)

    @property
    def k1(self) -> str:
        """Its key."""
        return our_key(1000 + self.number)

    @property
    def names(self) -> dict[str, str]:
        """What its ids stand for."""
        return {self.o1: "first order", self.o2: "second order", self.k1: "key"}


def families(events: int) -> Iterator[Family]:
    """Yield a family for each sequence of so many events; the first of each comes again at its end."""
    for number, sequence in enumerate(itertools.permutations(range(events))):
        yield Family(number, (*sequence, sequence[0]))


@dataclass
class World:
    """One deployment. Only one at a time is active: the functions read it from their environment."""

    database: LedgerDatabase
    table: SignalsTable
    queue_url: str
    environment: pytest.MonkeyPatch
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))
    tokens: dict[str, str] = field(default_factory=dict)
    expiry: Expiry = "present"
    _eyes: psycopg.Connection[tuple[Any, ...]] | None = None
    _left: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def create(
        cls,
        database: LedgerDatabase,
        environment: pytest.MonkeyPatch,
        *,
        short_cut: bool = False,
        expiry: Expiry = "present",
    ) -> World:
        """Deploy into the running moto account, with our own bot registered.

        Args:
            short_cut: let the functions call moto's DynamoDB directly. Ten times as fast, and not the way
                to try what a network does.
            expiry: when DynamoDB deletes what has expired: at once, late or never. Where it does not do so at
                once, an expired signal lies under each key that is used, with another meaning.
        """
        number = next(_numbers)
        client = aws.client("dynamodb")
        table = SignalsTable(client, f"linkage-{number}")
        create_signals_table(client, table.name)
        queue = aws.client("sqs").create_queue(QueueName=f"fills-{number}")
        secrets = aws.client("secretsmanager")
        secret = json.dumps({"webhook_keys": [WEBHOOK_KEY]})
        secrets.create_secret(Name=f"webhook-{number}", SecretString=secret)
        world = cls(database, table, queue["QueueUrl"], environment, expiry=expiry)
        if short_cut:
            replace_client(environment, "dynamodb", ShortCut)
        world._deploy(f"webhook-{number}")
        world.register("sighook", source="sighook", expects_signals="mixed")
        for number in (1, 2, 3):
            world._leave_expired("sighook", our_key(number))
        return world

    def _deploy(self, secret_id: str) -> None:
        settings = {
            **self.database.settings("recorder"),
            "table_name": self.table.name,
            "fills_queue_url": self.queue_url,
            "secret_id": secret_id,
            "sweep_hours": "2",
            "forward_to_loopback": "true",
        }
        for name, value in settings.items():
            self.environment.setenv(f"LINKAGE_{name.upper()}", str(value))
        self.environment.setattr(SystemClock, "now", lambda _clock: self.clock.now())
        self._restart()

    def _restart(self) -> None:
        """Let the next event start both functions cold."""
        reset()

    # Bots and switches.

    def register(self, bot_id: str, *, source: str = "generic", **fields: Any) -> None:
        """Register a bot, and let the stream tell the ledger."""
        token = "lkt_" + base64.urlsafe_b64encode(f"{bot_id:_<32}".encode()).decode().rstrip("=")
        self.tokens[bot_id] = token
        record = BotRecord.model_validate(
            {
                "bot_id": bot_id, "source": source, "venue": VENUE, "account": ACCOUNT, "mode": "live",
                "linked_since": NOW - timedelta(days=30), "updated_at": self.clock.now(),
                "token_hashes": [hash_token(token)], **fields,
            }
        )  # fmt: skip
        DynamoBotDirectory(self.table.name, self.table.client).add(record)
        self.stream()

    def turn_linking(self, enabled: bool) -> None:
        """Turn the switch. The stream has still to carry it."""
        # The ledger compares the switch with its own clock.
        ((now,),) = self.rows("SELECT clock_timestamp()")
        fact = SwitchRecord(enabled=enabled, changed_at=now).fact_text()
        DynamoSwitchboard(self.table.name, self.table.client).turn(fact, changed_at=now)

    def _leave_expired(self, bot: str, key: str) -> None:
        """Leave an expired signal under a key that was never used before."""
        if self.expiry == "at once" or (bot, key) in self._left:
            return
        self._left.add((bot, key))
        signal_key, stored = signal(key, bot=bot, snapshot=LONG_AGO)
        long_ago = self.clock.now() - timedelta(days=SIGNAL_TTL_DAYS + 1)
        DynamoSignalStore(self.table.name, self.table.client, self.clock).put_signal(
            signal_key, fact=stored.fact_text(), meaning="long ago", disposition="sent", received_at=long_ago
        )
        self.table.pass_over()

    def _delete_late(self) -> None:
        if self.expiry == "late":
            self.table.delete_expired(self.clock.now().timestamp())

    # What comes in.

    def signal(
        self, key: str | None, *, bot: str = "sighook", path: str = "/v1/signals", **fields: Any
    ) -> int:
        """Post a signal and return the status of the reply."""
        if key is not None:
            self._leave_expired(bot, key)
        body = {
            "client_order_id": key, "symbol": "BTC-USD", "side": "buy", "trigger": "roc_momo",
            "buy_score": "2.5", "sell_score": "0.5", "price": "100", "strategy": "matrix",
            "signalled_at": "2026-11-22T18:00:00Z", **fields,
        }  # fmt: skip
        return self.post(path, {name: value for name, value in body.items() if value is not ...}, bot=bot)[0]

    def post(self, path: str, body: object, *, bot: str = "sighook") -> tuple[int, dict[str, Any]]:
        """Post a document, signed if the bot is ours, else with its token; return status and reply."""
        return self.post_text(path, json.dumps(body, default=str), bot=bot)

    def post_text(self, path: str, text: str, *, bot: str) -> tuple[int, dict[str, Any]]:
        """Post a text as ``post`` posts a document."""
        now = self.clock.now()
        headers = {"content-type": "application/json"}
        if bot == "sighook":
            headers |= {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(WEBHOOK_KEY).sign("msg_1", now, text),
            }
        else:
            headers["authorization"] = f"Bearer {self.tokens[bot]}"
        event = {
            "version": "2.0", "routeKey": f"POST {path}", "rawPath": path, "headers": headers, "body": text,
            "isBase64Encoded": False,
            "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
        }  # fmt: skip
        reply = webhook.receive(event, None)
        return reply["statusCode"], json.loads(reply["body"])

    def run(
        self, snapshot: object, scheduled_at: str, *, run_id: str | None = None, arm: str = "main"
    ) -> None:
        """Store the record of a run of the strategy."""
        run_id = run_id or str(make_run_id(f"matrix {arm}", parse_utc(scheduled_at)))
        record = RunRecord.model_validate(
            {
                "run_id": run_id, "bot_id": "sighook",
                "strategy": "matrix", "arm": arm, "snapshot_id": snapshot, "scheduled_at": scheduled_at,
                "started_at": scheduled_at, "duration_ms": 10, "symbols_seen": 1, "signals_sent": 1,
            }
        )  # fmt: skip
        store = DynamoSignalStore(self.table.name, self.table.client, self.clock)
        store.put_run(str(record.run_id), fact=record.fact_text(), received_at=self.clock.now())

    def store_poison(self, body: str) -> None:
        """Store a signal's item whose body no webhook of ours writes."""
        store = DynamoSignalStore(self.table.name, self.table.client, self.clock)
        key = SignalKey(BotId("sighook"), ClientOrderId(f"poison-{len(self.table.items())}"))
        store.put_signal(key, fact=body, meaning="m", disposition="sent", received_at=self.clock.now())

    def fills(self, *events: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str) -> list[str]:
        """Deliver queue messages in one batch; return the ids of those that have to come again."""
        return _failures(recorder.record_fills(sqs_event(*events), None))

    def record(self, event: dict[str, Any]) -> dict[str, Any]:
        """Serve an invocation of the fills queue."""
        return recorder.record_fills(event, None)

    def deliver(self, sequence: Sequence[int], *events: Mapping[str, Any] | Posted) -> None:
        """Deliver events one by one in a sequence of their numbers."""
        for number in sequence:
            event = events[number]
            if isinstance(event, Posted):
                self.signal(event.key, snapshot_id=event.snapshot)
                self.stream()
            else:
                self.fills(event)

    def queued(self) -> list[str]:
        """Deliver what the webhook put on the queue."""
        sqs = aws.client("sqs")
        bodies = []
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return self.fills(*bodies) if bodies else []

    def stream(self) -> list[str]:
        """Deliver what the table's stream has; return what has to come again."""
        self._delete_late()
        return self.archive(self.table.stream_event())

    def archive(self, event: dict[str, Any]) -> list[str]:
        """Deliver an event of the stream; return what has to come again."""
        return _failures(recorder.archive_signals(event, None)) if event["Records"] else []

    def sweep(self) -> dict[str, Any]:
        """Run the scheduled sweep."""
        self._delete_late()
        return recorder.sweep({}, None)

    # Faults.

    def cut_off_the_table(self) -> None:
        """Let no function reach DynamoDB."""
        self.environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", NOWHERE)
        reset()
        self._restart()

    def mend_the_table(self) -> None:
        """Let the functions reach DynamoDB again."""
        self.environment.delenv("AWS_ENDPOINT_URL_DYNAMODB")
        reset()
        self._restart()

    def let_grace_pass(self) -> None:
        """Make every order look as if it had been recorded sixteen minutes earlier."""
        self.rows(
            "UPDATE trade_records SET first_recorded_at = first_recorded_at - INTERVAL '16 minutes'"
            " RETURNING order_id"
        )

    def begin_anew(self) -> None:
        """Forget every signal and every order; bots and snapshots stay."""
        self.database.empty(*_KEPT)
        self.table.forget_signals()

    # What came of it.

    def links(self) -> dict[str, str]:
        """Return the snapshot of each linked order."""
        return {
            order: str(snapshot)
            for order, snapshot in self.rows("SELECT order_id, snapshot_id FROM trade_strategy_link")
        }

    def link(self, order_id: str) -> dict[str, Any]:
        """Return one order's link."""
        (row,) = self._table("trade_strategy_link", order_id)
        return row

    def order(self, order_id: str) -> dict[str, Any]:
        """Return one order."""
        (row,) = self._table("trade_records", order_id)
        return row

    def disposition(self, order_id: str) -> tuple[str | None, str | None]:
        """Return an order's disposition and its reason."""
        query = "SELECT disposition, reason FROM order_dispositions WHERE order_id = %s"
        ((disposition, reason),) = self.rows(query, order_id)
        return disposition, reason

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        ((number,),) = self.rows(f"SELECT count(*) FROM {table}")
        return int(number)

    def derived(self, names: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """Return every derived table, sorted and without its stamps: what no arrival order may change.

        Args:
            names: keep only rows that hold one of these texts, and write what it stands for in its place.
        """
        # A meaning is a hash over the key among others: it has no other name.
        left_out = _STAMPS if names is None else _STAMPS | {"meaning"}
        state = {}
        for table in _DERIVED:
            rows = self.rows(f"SELECT to_jsonb(t) FROM {table} t")
            texts = [
                json.dumps(
                    {name: value for name, value in row.items() if name not in left_out}, sort_keys=True
                )
                for (row,) in rows
            ]
            state[table] = sorted(texts if names is None else _renamed(texts, names))
        return state

    def _table(self, table: str, order_id: str) -> list[dict[str, Any]]:
        rows = self.rows(f"SELECT to_jsonb(t) FROM {table} t WHERE order_id = %s", order_id)
        return [row for (row,) in rows]

    def close(self) -> None:
        """Give the connections back, and the clients of a table that is cut off."""
        if os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") == NOWHERE:
            self.mend_the_table()
        self._restart()
        self.look_away()

    def look_away(self) -> None:
        """Close the superuser's connection; the next look opens another."""
        if self._eyes is not None:
            self._eyes.close()

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query gives the superuser, who sees everything."""
        if self._eyes is None or self._eyes.closed:
            dsn = self.database.server.dsn(database=self.database.name)
            self._eyes = psycopg.connect(dsn, autocommit=True)
        cursor = self._eyes.execute(query.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def _failures(reply: Mapping[str, Any]) -> list[str]:
    return [item["itemIdentifier"] for item in reply["batchItemFailures"]]


def _renamed(texts: Sequence[str], names: Mapping[str, str]) -> list[str]:
    kept = []
    for text in texts:
        renamed = text
        for name, stands_for in names.items():
            renamed = renamed.replace(name, stands_for)
        if renamed != text:
            kept.append(renamed)
    return kept
