"""Takes each handler through its paths over a table in moto. What is behind other services is a stand-in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.bootstrap.handler import bootstrap
from functions.broker.handler import execute_orders, take_signals
from functions.recorder import dependencies as recorder
from functions.recorder.handler import archive_signals, maintain, record_fills, sweep
from functions.report.handler import send_report
from functions.sighook.handler import run_strategy
from functions.webhook.handler import receive
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.ses_mailer import SesMailer
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.http.forwarder import HttpForwarder
from linkage.adapters.http.signals import HttpSignalSink
from linkage.domain.errors import DeliveryError, NotSentError
from linkage.domain.facts import MissingSignal, Resolved, SignalKey, Touched
from linkage.domain.ids import BotId, OrderId
from linkage.domain.tokens import hash_token, make_token
from linkage.domain.webhook_signature import sign
from linkage.ports.sink import SinkReply
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from linkage.runtime.observability import SystemClock
from tests.functions.report.documents import busy_document
from tests.infra.rights.calls import recorded_calls
from tests.infra.rights.policies import Call
from tests.support.clock import FrozenClock
from tests.support.dynamodb import REGION, SignalsTable, moto_table
from tests.support.events import NOW, SNAPSHOT_A, fill, native_id, our_key, signal, sqs_event
from tests.support.fakes import FakeLedger
from tests.support.ledger import a_bot

KEY = b"k" * 48
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENTS = Path(__file__).parents[2] / "events"
BROKER_EVENTS = Path(__file__).parents[2] / "functions" / "broker" / "events"
ORDER = OrderId(native_id(1))
EASY = "score_buy_target = 3.0\nscore_sell_target = 3.0\nclean_bars = 10\n[weights]\ntouch = 1.5\n"
"""Parameters that find something to do in most bars."""


@dataclass
class Account:
    """A table, a queue and a secret, as a stage has them; ``patch`` puts stand-ins in place."""

    table: SignalsTable
    patch: pytest.MonkeyPatch
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))

    def deploy(self, **settings: str) -> None:
        """Set a function's environment, so that its next event starts cold."""
        queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="fills")["QueueUrl"]
        secrets = boto3.client("secretsmanager", region_name=REGION)
        secrets.create_secret(Name="keys", SecretString=json.dumps({"webhook_keys": [SECRET]}))
        known = {
            "stage": "test",
            "table_name": self.table.name,
            "secret_id": "keys",
            "fills_queue_url": queue,
        }
        for name, value in {**known, "fills_dlq_url": queue, **settings}.items():
            self.patch.setenv(f"LINKAGE_{name.upper()}", value)
        self.patch.setattr(SystemClock, "now", lambda _clock: self.clock.now())
        reset()

    def register(self, bot_id: str, **fields: Any) -> str:
        """Register a bot, not by way of a function; return its token."""
        token = make_token()
        record = a_bot(bot_id, token_hashes=[hash_token(token)], **fields)
        DynamoBotDirectory(self.table.name, self.table.client).add(record)
        return token

    def store(self) -> DynamoSignalStore:
        """Return the store, not by way of a function."""
        return DynamoSignalStore(self.table.name, self.table.client, self.clock)


def calls_by_function(drive: Callable[[Account], Mapping[str, Callable[[], object]]]) -> dict[str, set[Call]]:
    """Return what each function asked of DynamoDB while it did what ``drive`` has for it."""
    made: dict[str, set[Call]] = {}
    with moto_table() as table, pytest.MonkeyPatch.context() as patch:
        account = Account(table, patch)
        for entry_point, work in drive(account).items():
            with recorded_calls() as calls:
                work()
            made[entry_point] = set(calls)
    reset()
    return made


def webhook(account: Account) -> Mapping[str, Callable[[], object]]:
    """Signals, signed and by token, repeated, in conflict and forwarded; events; descriptions."""
    account.deploy()
    account.register("sighook", source="sighook")
    token = account.register("grid", forward_url="https://bot.example/hook")
    account.patch.setattr(HttpForwarder, "forward", lambda *_args, **_more: None)
    body = {
        "client_order_id": our_key(), "symbol": "BTC-USD", "side": "buy", "trigger": "roc", "buy_score": 1,
        "strategy": "matrix", "snapshot": {"strategy": "matrix", "rsi": 14},
        "signalled_at": NOW.isoformat(),
    }  # fmt: skip
    theirs = {**body, "client_order_id": "entry-1"}

    def work() -> None:
        assert _post(account, "/v1/sighook/signals", body) == 200
        assert _post(account, "/v1/sighook/signals", body) == 200
        assert _post(account, "/v1/sighook/signals", {**body, "side": "sell"}) == 409
        for _ in range(2):
            assert _post(account, "/v1/signals", theirs, token) == 200
        assert _post(account, "/webhook", theirs, make_token()) == 401
        # It takes its symbol from its signal.
        assert _post(account, "/v1/orders", {"client_order_id": "entry-1", "order_id": "1"}, token) == 202
        described = {"strategy": "matrix", "parameters": {"rsi": 15}}
        assert _post(account, "/v1/snapshots", described, token) == 200

    return {"receive": work}


def sighook(account: Account) -> Mapping[str, Callable[[], object]]:
    """Runs that publish, and runs whose signals are stored already with another meaning."""
    account.deploy(
        webhook_url="https://api.example", parameters_name="/p", market="simulation:1", symbols="*"
    )
    boto3.client("ssm", region_name=REGION).put_parameter(Name="/p", Value=EASY, Type="String")
    account.patch.setattr(HttpSignalSink, "post", lambda *_: SinkReply("conflict"))

    def work() -> None:
        for _ in range(12):
            run_strategy({"scheduled_time": account.clock.now().isoformat()}, None)
            account.clock.advance(timedelta(minutes=5))

    return {"run_strategy": work}


def recording(account: Account) -> Mapping[str, Callable[[], object]]:
    """Fills whose signal is only in the hot store; the stream; a sweep of what the stream missed."""
    account.deploy(db_host="h", db_user="recorder", sweep_hours="2", db_ca_file="ca.pem")
    account.register("grid")
    key, stored = signal(our_key())
    store = account.store()
    store.put_signal(key, fact=stored.fact_text(), meaning="m", disposition="sent", received_at=NOW)
    store.put_snapshot(str(SNAPSHOT_A), "hash", fact="{}", received_at=NOW)
    store.put_run("run", fact="{}", received_at=NOW)
    ledger = FakeLedger(touched=Touched(frozenset({ORDER})))
    account.patch.setattr(recorder, "ledger", lambda: ledger)
    stream = json.loads((EVENTS / "dynamodb_stream.json").read_text())

    def missing_at_first(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            foreign = SignalKey(BotId("grid"), key.client_order_id)
            ledger.answers = [Resolved(missing=[MissingSignal(ORDER, key.client_order_id, (key, foreign))])]
            work()

        return run

    return {
        "record_fills": missing_at_first(lambda: record_fills(sqs_event(fill(native_id(1))), None)),
        "archive_signals": missing_at_first(lambda: archive_signals(stream, None)),
        "sweep": missing_at_first(lambda: sweep({}, None)),
        "maintain": lambda: maintain({}, None),
    }


def broker(account: Account) -> Mapping[str, Callable[[], object]]:
    """A signal of the stream becomes an order, which rests, fills and goes."""
    account.deploy(market="simulation:1")
    stream = json.loads((BROKER_EVENTS / "stream.json").read_text())

    def execute() -> None:
        for minute in (10, 15, 20):
            execute_orders({"scheduled_time": f"2026-11-22T12:{minute}:00Z"}, None)

    return {"take_signals": lambda: take_signals(stream, None), "execute_orders": execute}


def report(account: Account) -> Mapping[str, Callable[[], object]]:
    """A mail that certainly was not sent, whose claim is given back, and one that was."""
    account.deploy(
        read_ledger_function="r", sender="me@example.com", recipients="me@example.com", configuration_set="c"
    )
    document = busy_document().model_dump(mode="json")
    account.patch.setattr(LambdaLedgerReader, "report", lambda *_args, **_more: document)
    asked = {"report": "linkage", "hours": 6, "scheduled_time": NOW.isoformat()}

    def refuse(*_args: object, **_more: object) -> str:
        raise NotSentError("the address is not verified")

    def work() -> None:
        account.patch.setattr(SesMailer, "send", refuse)
        with pytest.raises(DeliveryError):
            send_report(asked, None)
        account.patch.setattr(SesMailer, "send", lambda *_args, **_more: "message-1")
        send_report(asked, None)
        send_report(asked, None)

    return {"send_report": work}


def first_deployment(account: Account) -> Mapping[str, Callable[[], object]]:
    """The first-party bot is registered, and is there the second time."""
    account.deploy(migrate_function="m")

    class Migrate:
        """boto3's Lambda client in front of ``migrate``."""

        def invoke(self, **_: object) -> dict[str, Any]:
            return {"Payload": BytesIO(b'{"outcome": "migrated"}')}

    def work() -> None:
        with_hook = aws.client
        # A context of its own: the account's would put the client with the hook back at the very end.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                aws,
                "client",
                lambda name, **limits: Migrate() if name == "lambda" else with_hook(name, **limits),
            )
            bootstrap({}, None)
            bootstrap({}, None)

    return {"bootstrap": work}


DRIVES = (webhook, sighook, recording, broker, report, first_deployment)


def _post(account: Account, path: str, document: object, token: str | None = None) -> int:
    """Post a document with a token, or signed by our own strategies."""
    body = json.dumps(document)
    stamp = int(account.clock.now().timestamp())
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    if token is None:
        headers |= {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign("msg_1", stamp, body.encode(), [KEY]),
        }
    event = {
        "rawPath": path, "headers": headers, "body": body,
        "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
    }  # fmt: skip
    return int(receive(event, None)["statusCode"])
