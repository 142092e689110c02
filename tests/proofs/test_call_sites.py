"""Every call of AWS, under every fault: no data lost, and the right kind of retry.

The call sites are read from the code. Each has a row in ``ROWS``; one without a row fails. A fault meets the
real adapter, with its deployed time-outs and retries, between botocore and moto: throttled, an error of the
service, a time-out before the effect, a time-out after it, denied. Each is tried once, where botocore's own
retry has to mend it, and for as long as it likes, where the caller has to be told and a later call mends it.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.retries.quota import RetryQuota
from moto.core.base_backend import BackendDict
from moto.core.models import botocore_stubber

from functions.bootstrap import service as bootstrap
from functions.bootstrap.dependencies import MIGRATE_SECONDS
from functions.report import service as report
from infra.cdk.bundles import AWS_SERVICES, MARKETS, ROOT
from linkage.adapters.aws.ledger_client import LambdaLedgerReader
from linkage.adapters.aws.schema_client import LambdaSchemaMigrator
from linkage.adapters.aws.secret_keys import SecretKeys
from linkage.adapters.aws.secret_store import SecretsManagerStore
from linkage.adapters.aws.ses_mailer import SesMailer
from linkage.adapters.aws.sqs_events import SqsDeadLetters, SqsEventQueue, queue_depth
from linkage.adapters.aws.ssm_parameters import SsmParameters
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.adapters.dynamodb.reports import DynamoReportClaims
from linkage.adapters.dynamodb.signals import DynamoSignalStore, DynamoSwitchboard
from linkage.adapters.dynamodb.state import DynamoPaperStore, DynamoStateStore
from linkage.adapters.markets.s3 import S3Market
from linkage.domain.candle_bucket import CandleBucket
from linkage.domain.errors import (
    ConfigurationError,
    DeliveryError,
    LedgerUnavailableError,
    MarketUnavailableError,
    StoreUnavailableError,
)
from linkage.domain.facts import SignalKey, Window
from linkage.domain.ids import BotId, ClientOrderId
from linkage.ports.mail import ReportPeriod
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.functions.report.documents import calm_document
from tests.functions.report.fakes import FakeReader
from tests.functions.sighook.fakes import FakeStates
from tests.linkage.adapters.markets.test_markets import HEADER, NOON, line
from tests.proofs.counting import tally
from tests.support.clock import FrozenClock
from tests.support.dynamodb import ShortCut, SignalsTable, create_signals_table, moto_account
from tests.support.events import NOW
from tests.support.ledger import a_bot

Site = tuple[str, str, str]

FAULTS = ("throttled", "5xx", "before", "after", "denied")
FOLDERS = ("linkage/adapters", "linkage/runtime", "functions")
SPECIAL = {"get_paginator", "get_waiter", "generate_db_auth_token"}
NO_CLIENTS = {"self._items", "settings.db_password"}
"""What has methods of the same names and is no client: our own items, and pydantic's SecretStr."""

_TROUBLES = {
    "throttled": (400, "ThrottlingException"),
    "5xx": (503, "ServiceUnavailable"),
    "denied": (403, "AccessDeniedException"),
}
KEY = SignalKey(BotId("sighook"), ClientOrderId("k1"))
PERIOD = ReportPeriod("scheduled", NOW - timedelta(hours=6), NOW)
OUR_KEY = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def call_sites() -> set[Site]:
    """Return (file, function, method) of every call of a boto3 client in the code that is deployed."""
    session = botocore.session.get_session()
    operations = SPECIAL | {
        xform_name(operation)
        for service in {*AWS_SERVICES, *(name for market in MARKETS.values() for name in market.services)}
        for operation in session.get_service_model(service).operation_names
    }
    sites: set[Site] = set()

    def visit(node: ast.AST, file: str, scope: tuple[str, ...]) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            scope = (*scope, node.name)
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in operations
            and ast.unparse(node.value) not in NO_CLIENTS
        ):
            sites.add((file, ".".join(scope), node.attr))
        for child in ast.iter_child_nodes(node):
            visit(child, file, scope)

    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            visit(ast.parse(path.read_text()), str(path.relative_to(ROOT)), ())
    return sites


@dataclass
class Wire:
    """What is between botocore and the services. ``fault`` meets calls of one operation, so many times."""

    operation: str = ""
    part: bytes = b""
    absent: bytes = b""
    fault: str = ""
    times: int = 0
    attempts: int = 0
    served: Counter[str] = field(default_factory=Counter)
    tokens: set[str] = field(default_factory=set)

    def carry(self, event_name: str, request: Any) -> Any:
        """Serve a request, or let it meet the fault."""
        operation = event_name.rsplit(".", 1)[1]
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        if operation != self.operation or self.part not in body or (self.absent and self.absent in body):
            return self._serve(event_name, request)
        self.attempts += 1
        if not self.times:
            return self._serve(event_name, request)
        self.times -= 1
        if self.fault == "before":
            raise ConnectTimeoutError(endpoint_url=request.url)
        if self.fault == "after":
            self._serve(event_name, request)
            raise ReadTimeoutError(endpoint_url=request.url)
        status, code = _TROUBLES[self.fault]
        if ".s3." in event_name:
            return _answer_of_s3(request.url, status, code)
        return _answer(request.url, status, {"__type": code, "message": "a fault"}, code)

    def _serve(self, event_name: str, request: Any) -> Any:
        self.served[event_name.rsplit(".", 1)[1]] += 1
        if ".lambda." in event_name:  # moto runs functions in containers
            return _answer(request.url, 200, {"ok": True, "result": {}, "outcome": "migrated"})
        token = ""
        if event_name.endswith(".TransactWriteItems"):
            # DynamoDB knows a repeated transaction by botocore's token, and answers it again. moto does not.
            token = json.loads(request.body)["ClientRequestToken"]
            if token in self.tokens:
                return _answer(request.url, 200, {})
        botocore_stubber.enabled = True
        try:
            answer = botocore_stubber(event_name, request)
        finally:
            botocore_stubber.enabled = False
        if token and answer is not None and answer.status_code == 200:
            self.tokens.add(token)
        return answer


class _Raw(BytesIO):
    def stream(self, *_arguments: object, **_options: object) -> Iterator[bytes]:
        while chunk := self.read(4096):
            yield chunk


def _answer(url: str, status: int, document: Mapping[str, object], code: str = "") -> AWSResponse:
    headers = {"content-type": "application/json"} | ({"x-amzn-errortype": code} if code else {})
    return AWSResponse(url, status, headers, _Raw(json.dumps(document).encode()))


def _answer_of_s3(url: str, status: int, code: str) -> AWSResponse:
    """S3 speaks XML, and asks for patience with words of its own."""
    if code == "ThrottlingException":
        status, code = 503, "SlowDown"
    text = f"<Error><Code>{code}</Code><Message>a fault</Message></Error>"
    return AWSResponse(url, status, {"content-type": "application/xml"}, _Raw(text.encode()))


_wires: list[Wire] = []
"""The last one is that of the account which is open. Clients are made once: that is the dear part."""


def _carry(event_name: str, request: Any, **_others: Any) -> Any:
    return _wires[-1].carry(event_name, request)


@dataclass
class Account:
    """An AWS account in moto with a wire in front of it."""

    wire: Wire = field(default_factory=Wire)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOW))

    def client(self, service: str, **limits: Any) -> Any:
        """Return a client as a function makes it, at the wire."""
        client = aws.client(service, **limits)
        client.meta.events.register_first("before-send", _carry, unique_id="call-sites")
        return client

    def table(self) -> SignalsTable:
        """Create the product's table. It is looked at beside the wire, where a look costs a tenth."""
        table = SignalsTable(ShortCut())
        create_signals_table(table.client, table.name)
        return table


@dataclass(frozen=True)
class Case:
    """One call, and what there is to see of its effect."""

    call: Callable[[], Any]
    effect: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Row:
    """What must hold at one call site.

    Attributes:
        operation: its name on the wire; ``part`` and ``absent`` tell calls of one operation apart.
        build: prepares an account for the call.
        error: what the caller is told while the fault lasts, and when it is denied.
        attempts: of botocore, while the fault lasts.
        doubles: an attempt whose answer was lost may have its effect twice; the reader takes it once.
        reads: the effect comes with a later operation of the call.
        result_after: result when the first answer was lost, where it differs from the usual one.
        told_again: what a later call is told when an earlier one had its effect unknown to the caller.
        lost: faults after which a later call does nothing, on purpose: better no effect than two.
        why: reason of what is special.
    """

    operation: str
    build: Callable[[Account], Case]
    error: type[Exception] | tuple[type[Exception], ...] = StoreUnavailableError
    attempts: int = 3
    doubles: bool = False
    reads: bool = False
    part: bytes = b""
    absent: bytes = b""
    result_after: Any = ...
    told_again: type[Exception] | None = None
    lost: tuple[str, ...] = ()
    why: str = ""


# What is called.


def bots_all(account: Account) -> Case:
    bots = DynamoBotDirectory(account.table().name, account.client("dynamodb"))
    bots.add(a_bot("grid"))
    return Case(lambda: [record.bot_id for record in bots.all()])


def bots_write(account: Account) -> Case:
    table = account.table()
    bots = DynamoBotDirectory(table.name, account.client("dynamodb"))
    return Case(
        lambda: bots.add(a_bot("grid", token_hashes=["0" * 64])),
        lambda: sorted(item["kind"]["S"] for item in table.items()),
    )


def bots_get(account: Account) -> Case:
    bots = DynamoBotDirectory(account.table().name, account.client("dynamodb"))
    bots.add(a_bot("grid", token_hashes=["0" * 64]))
    return Case(lambda: json.loads(str(bots.find_by_token("0" * 64)))["bot_id"])


def claim(account: Account) -> Case:
    table = account.table()
    claims = DynamoReportClaims(table.name, account.client("dynamodb"))
    return Case(lambda: claims.claim(PERIOD, "ada@example.com", at=NOW), lambda: len(table.items()))


def release(account: Account) -> Case:
    table = account.table()
    claims = DynamoReportClaims(table.name, account.client("dynamodb"))
    claims.claim(PERIOD, "ada@example.com", at=NOW)
    return Case(lambda: claims.release(PERIOD, "ada@example.com"), lambda: len(table.items()))


def _store(account: Account, **limits: Any) -> tuple[SignalsTable, DynamoSignalStore]:
    table = account.table()
    return table, DynamoSignalStore(
        table.name, account.client("dynamodb", **limits), account.clock, pause=lambda _seconds: None
    )


def _put(store: DynamoSignalStore) -> str:
    return store.put_signal(KEY, fact="{}", meaning="m", disposition="sent", received_at=NOW)


OWNER, UNTIL = "a", NOW + timedelta(seconds=60)


def lease_forward(account: Account) -> Case:
    table, store = _store(account)
    _put(store)
    return Case(
        lambda: store.lease_forward(KEY, owner=OWNER, until=UNTIL).state,
        lambda: ["forward_owner" in item for item in table.items()],
    )


def settle_forward(account: Account) -> Case:
    table, store = _store(account)
    _put(store)
    store.lease_forward(KEY, owner=OWNER, until=UNTIL)
    return Case(
        lambda: store.settle_forward(KEY, owner=OWNER, at=NOW),
        lambda: ["forwarded_at" in item for item in table.items()],
    )


def release_forward(account: Account) -> Case:
    table, store = _store(account)
    _put(store)
    store.lease_forward(KEY, owner=OWNER, until=UNTIL)
    return Case(
        lambda: store.release_forward(KEY, owner=OWNER),
        lambda: ["forward_owner" in item for item in table.items()],
    )


def standing(account: Account) -> Case:
    table, store = _store(account, read_timeout=1.0, max_attempts=2)
    DynamoBotDirectory(table.name, table.client).add(a_bot("grid"))
    return Case(lambda: [item.kind for item in store.recent([])])


def recent(account: Account) -> Case:
    _, store = _store(account, read_timeout=1.0, max_attempts=2)
    _put(store)
    return Case(lambda: [item.kind for item in store.recent([f"{NOW:%Y-%m-%dT%H}"])])


def put_signal(account: Account) -> Case:
    table, store = _store(account)
    return Case(lambda: _put(store), lambda: len(table.items()))


def forward_status(account: Account) -> Case:
    _, store = _store(account)
    _put(store)
    return Case(lambda: store.forward_status(KEY).state)


def get_signals(account: Account) -> Case:
    _, store = _store(account, read_timeout=1.0, max_attempts=2)
    _put(store)
    return Case(lambda: store.get_signals([KEY]))


def read_switch(account: Account) -> Case:
    table = account.table()
    switch = DynamoSwitchboard(table.name, account.client("dynamodb", read_timeout=1.0, max_attempts=2))
    switch.turn('{"enabled": false}', changed_at=NOW)
    return Case(switch.linking_enabled)


def turn_switch(account: Account) -> Case:
    table = account.table()
    switch = DynamoSwitchboard(table.name, account.client("dynamodb"))
    return Case(
        lambda: switch.turn('{"enabled": false}', changed_at=NOW),
        lambda: [item["body"]["S"] for item in table.items()],
    )


def load_state(account: Account) -> Case:
    states = DynamoStateStore(account.table().name, account.client("dynamodb"))
    states.save("matrix", "main", body="{}", version=0, saved_at=NOW)
    return Case(lambda: states.load("matrix", "main"))


def save_state(account: Account) -> Case:
    table = account.table()
    states = DynamoStateStore(table.name, account.client("dynamodb"))
    states.save("matrix", "main", body="1", version=0, saved_at=NOW)

    def save() -> None:
        _, version = states.load("matrix", "main")
        states.save("matrix", "main", body="2", version=version, saved_at=NOW)

    return Case(save, lambda: [item["body"]["S"] for item in table.items()])


def paper_items(account: Account) -> Case:
    paper = DynamoPaperStore(account.table().name, "main", account.client("dynamodb"))
    paper.add("order", body="{}", stored_at=NOW)
    return Case(lambda: [item.name for item in paper.items()])


def remove_paper(account: Account) -> Case:
    table = account.table()
    paper = DynamoPaperStore(table.name, "main", account.client("dynamodb"))
    paper.add("order", body="{}", stored_at=NOW)
    return Case(lambda: paper.remove("order"), lambda: len(table.items()))


def read_ledger(account: Account) -> Case:
    client = account.client("lambda", read_timeout=60.0, max_attempts=2)
    return Case(lambda: LambdaLedgerReader("read-ledger", client).rates(Window(PERIOD.start, PERIOD.end)))


def _secret(account: Account, document: object) -> tuple[str, Any]:
    client = account.client("secretsmanager")
    return client.create_secret(Name="keys", SecretString=json.dumps(document))["ARN"], client


def read_keys(account: Account) -> Case:
    secret_id, client = _secret(account, {"webhook_keys": [OUR_KEY]})
    return Case(lambda: len(SecretKeys(secret_id, client, account.clock).current()))


def send_report(account: Account) -> Case:
    table = account.table()
    sent = account.wire.served
    plain = account.client("sesv2", read_timeout=10.0, max_attempts=1)
    plain.create_email_identity(EmailIdentity="linkage@example.com")
    mailer = SesMailer(plain, sender="linkage@example.com", configuration_set="", clock=account.clock)
    request = report.ReportRequest(
        name="scheduled",
        window=Window(PERIOD.start, PERIOD.end),
        recipients=["ada@example.com"],
        subject=None,
    )
    reader = FakeReader(calm_document())

    def send() -> str:
        outcome = report.send_report(
            request,
            report.Ports(
                reader=reader,
                mailer=mailer,
                claims=DynamoReportClaims(table.name, account.client("dynamodb")),
                memories=FakeStates(),
                dead_letters=lambda: 0,
                clock=account.clock,
            ),
            stage="test",
        )
        if outcome.failed:
            raise DeliveryError(outcome.failed[0])  # as the handler does
        return "sent"

    return Case(send, lambda: sent["SendEmail"])


def _queues(account: Account) -> tuple[Any, str, str]:
    client = account.client("sqs")
    fills, dead = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("fills", "dead"))
    return client, fills, dead


def _bodies(client: Any, url: str) -> list[str]:
    # Seen and not hidden: whoever comes next finds them there as well.
    reply = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return sorted(message["Body"] for message in reply.get("Messages", []))


def send_events(account: Account) -> Case:
    client, fills, _ = _queues(account)
    return Case(lambda: SqsEventQueue(fills, client).send(["one", "two"]), lambda: _bodies(client, fills))


def move_letters(account: Account) -> Case:
    client, fills, dead = _queues(account)
    SqsEventQueue(dead, client).send(["one", "two"])
    # Nobody waits here until a letter can be seen again.
    letters = SqsDeadLetters(dead, fills, client, hidden_seconds=0)

    def kept() -> list[str]:
        return sorted({*_bodies(client, fills), *(f"dead {body}" for body in _bodies(client, dead))})

    return Case(lambda: letters.move(limit=2) and None, kept)


def count_letters(account: Account) -> Case:
    client, _, dead = _queues(account)
    SqsEventQueue(dead, client).send(["one", "two"])
    return Case(lambda: queue_depth(client, dead))


def _bucket(account: Account) -> S3Market:
    client = account.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": client.meta.region_name}}
    client.create_bucket(Bucket="candles", **({} if client.meta.region_name == "us-east-1" else place))
    client.put_object(Bucket="candles", Key="spot/BTC-USD_5m.csv", Body=f"{HEADER}{line(0)}".encode())
    return S3Market(CandleBucket("candles", "spot/"), client)


def list_candles(account: Account) -> Case:
    return Case(_bucket(account).symbols)


def read_candles(account: Account) -> Case:
    market = _bucket(account)

    def read() -> tuple[str, ...]:
        candles = market.candles(["BTC-USD"], as_of=NOON + timedelta(minutes=5), bars=1, interval_seconds=300)
        return candles.symbols

    return Case(read)


def read_parameters(account: Account) -> Case:
    client = account.client("ssm")
    client.put_parameter(Name="/strategy", Value="{}", Type="String")
    return Case(SsmParameters("/strategy", client).document)


@dataclass
class NewSchema:
    """A schema whose migrator cannot log in before the roles are there."""

    roles: bool = False

    def migrate(self) -> str:
        """See ``ports.schema.SchemaMigrator``."""
        if not self.roles:
            raise LedgerUnavailableError("migrator cannot log in yet")
        return "migrated"

    def create_roles(self, username: str, password: str) -> None:
        """See ``ports.schema.SchemaMigrator``."""
        self.roles = True


def read_master(account: Account) -> Case:
    secret_id, client = _secret(account, {"username": "master", "password": "secret"})
    store = SecretsManagerStore(client)
    return Case(lambda: bootstrap.bring_up_schema(secret_id, NewSchema(), store))


def read_webhook_key(account: Account) -> Case:
    secret_id, client = _secret(account, {"webhook_keys": [OUR_KEY]})
    return Case(lambda: bootstrap.fill_webhook_key(secret_id, SecretsManagerStore(client)))


def make_webhook_key(account: Account) -> Case:
    secret_id, client = _secret(account, {"webhook_keys": []})

    def keys() -> int:
        return len(json.loads(client.get_secret_value(SecretId=secret_id)["SecretString"])["webhook_keys"])

    return Case(lambda: bootstrap.fill_webhook_key(secret_id, SecretsManagerStore(client)), keys)


def invoke_migrate(account: Account) -> Case:
    client = account.client("lambda", read_timeout=MIGRATE_SECONDS, max_attempts=1)
    return Case(LambdaSchemaMigrator("migrate", client).migrate)


BOTS, REPORTS, SIGNALS, STATE, TABLE = (
    f"linkage/adapters/dynamodb/{name}.py" for name in ("bots", "reports", "signals", "state", "table")
)
SCHEMA, SECRETS, SQS = (
    f"linkage/adapters/aws/{name}.py" for name in ("schema_client", "secret_store", "sqs_events")
)
RAW = (ClientError, BotoCoreError)
"""A deployment fails with the service's own words, and is started again."""

ROWS: tuple[tuple[Site, Row], ...] = (
    ((BOTS, "DynamoBotDirectory.all", "get_paginator"), Row("Query", bots_all)),
    (
        (BOTS, "DynamoBotDirectory._write", "transact_write_items"),
        Row(
            "TransactWriteItems",
            bots_write,
            told_again=ConfigurationError,
            why="who was not told that the bot is there hears it at the second try; its token is given anew",
        ),
    ),
    ((BOTS, "DynamoBotDirectory._get", "get_item"), Row("GetItem", bots_get)),
    (
        (TABLE, "put_once", "put_item"),
        Row(
            "PutItem", claim, why="a claim whose maker does not know of it stays: no mail is better than two"
        ),
    ),
    ((REPORTS, "DynamoReportClaims.release", "delete_item"), Row("DeleteItem", release)),
    ((SIGNALS, "DynamoSignalStore._update", "update_item"), Row("UpdateItem", lease_forward)),
    ((SIGNALS, "DynamoSignalStore._update", "update_item"), Row("UpdateItem", settle_forward)),
    ((SIGNALS, "DynamoSignalStore._update", "update_item"), Row("UpdateItem", release_forward)),
    (
        (SIGNALS, "DynamoSignalStore._standing", "query"),
        Row("Query", standing, attempts=2, absent=b"IndexName", why="the next sweep reads it again"),
    ),
    (
        (SIGNALS, "DynamoSignalStore._keys_of_hour", "query"),
        Row("Query", recent, attempts=2, part=b"IndexName", why="the next sweep reads it again"),
    ),
    (
        (SIGNALS, "DynamoSignalStore._put_if_absent", "put_item"),
        Row(
            "PutItem",
            put_signal,
            result_after="repeated",
            why="its own first attempt is a repeat, with the same 2xx",
        ),
    ),
    ((SIGNALS, "DynamoSignalStore._get", "get_item"), Row("GetItem", forward_status)),
    (
        (SIGNALS, "DynamoSignalStore._batch_get_all", "batch_get_item"),
        Row("BatchGetItem", get_signals, attempts=2, why="the fill is recorded without it; the sweep links"),
    ),
    ((SIGNALS, "DynamoSwitchboard.linking_enabled", "get_item"), Row("GetItem", read_switch, attempts=2)),
    ((SIGNALS, "DynamoSwitchboard.turn", "put_item"), Row("PutItem", turn_switch)),
    ((STATE, "_VersionedItems.get", "get_item"), Row("GetItem", load_state)),
    ((STATE, "_VersionedItems.query", "query"), Row("Query", paper_items)),
    ((TABLE, "put_once", "put_item"), Row("PutItem", save_state)),
    ((STATE, "_VersionedItems.delete", "delete_item"), Row("DeleteItem", remove_paper)),
    (
        ("linkage/adapters/aws/ledger_client.py", "LambdaLedgerReader._invoke", "invoke"),
        Row("Invoke", read_ledger, LedgerUnavailableError, attempts=2),
    ),
    (
        ("linkage/adapters/aws/secret_keys.py", "SecretKeys._read", "get_secret_value"),
        Row("GetSecretValue", read_keys),
    ),
    (
        ("linkage/adapters/aws/ses_mailer.py", "SesMailer.send", "send_email"),
        Row(
            "SendEmail",
            send_report,
            DeliveryError,
            attempts=1,
            lost=("5xx",),
            why="an error of SES may come after the mail: its claim stays, and the failed run alarms",
        ),
    ),
    (
        (SQS, "SqsEventQueue._send_batch", "send_message_batch"),
        Row(
            "SendMessageBatch", send_events, DeliveryError, doubles=True, why="a fill that comes twice is one"
        ),
    ),
    (
        (SQS, "SqsDeadLetters._receive", "receive_message"),
        Row(
            "ReceiveMessage",
            move_letters,
            DeliveryError,
            doubles=True,
            reads=True,
            part=b"MessageAttributeNames",
        ),
    ),
    (
        (SQS, "SqsDeadLetters._delete", "delete_message_batch"),
        Row("DeleteMessageBatch", move_letters, DeliveryError, doubles=True, why="its copy is sent already"),
    ),
    ((SQS, "queue_depth", "get_queue_attributes"), Row("GetQueueAttributes", count_letters, DeliveryError)),
    (
        ("linkage/adapters/markets/s3.py", "S3Market._list", "get_paginator"),
        Row("ListObjectsV2", list_candles, MarketUnavailableError),
    ),
    (
        ("linkage/adapters/markets/s3.py", "S3Market._read", "get_object"),
        Row("GetObject", read_candles, MarketUnavailableError),
    ),
    (
        ("linkage/adapters/aws/ssm_parameters.py", "SsmParameters._stored", "get_parameter"),
        Row("GetParameter", read_parameters),
    ),
    ((SECRETS, "SecretsManagerStore.read", "get_secret_value"), Row("GetSecretValue", read_master, RAW)),
    ((SECRETS, "SecretsManagerStore.read", "get_secret_value"), Row("GetSecretValue", read_webhook_key, RAW)),
    (
        (SECRETS, "SecretsManagerStore.write", "put_secret_value"),
        Row("PutSecretValue", make_webhook_key, RAW),
    ),
    ((SCHEMA, "LambdaSchemaMigrator._invoke", "invoke"), Row("Invoke", invoke_migrate, RAW, attempts=1)),
)

WITHOUT_A_CALL = {
    # It signs with the credentials that are there; nothing is sent.
    ("linkage/adapters/postgres/connection.py", "_password", "generate_db_auth_token"),
}


@contextmanager
def an_account(row: Row) -> Iterator[tuple[Account, Case]]:
    """Yield an account that is prepared for the row's call."""
    BackendDict.reset()
    account = Account()
    _wires.append(account.wire)
    try:
        case = row.build(account)
        wire = account.wire
        wire.operation, wire.part, wire.absent = row.operation, row.part, row.absent
        yield account, case
    finally:
        _wires.pop()


@cache
def undisturbed(row: Row) -> tuple[Any, Any]:
    """Return the result and the effect of the call without a fault."""
    with an_account(row) as (account, case):
        result = case.call()
        assert account.wire.attempts >= 1, "the row names another operation than the call makes"
        return result, case.effect()


def once(effect: Any) -> Any:
    """Take what came twice once, as the recorder does."""
    return sorted(set(effect)) if isinstance(effect, list) else effect


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Iterator[None]:
    """Nobody waits between attempts, and no client remembers how many the tests before have used up.

    moto is opened once: that costs more than a test. Its data goes with each account.
    """
    reset()
    with moto_account(), pytest.MonkeyPatch.context() as patch:
        # moto hears of every request, of those too that another handler has answered. Only the wire asks it.
        patch.setattr(botocore_stubber, "enabled", False)
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: None))
        patch.setattr(RetryQuota, "acquire", lambda _quota, _capacity: True)
        yield
    reset()


every_row = pytest.mark.parametrize("row", [row for _, row in ROWS], ids=lambda row: row.build.__name__)
every_fault = pytest.mark.parametrize("fault", FAULTS)


def test_every_call_of_aws_has_a_row_and_every_row_a_call() -> None:
    assert call_sites() == {site for site, _ in ROWS} | WITHOUT_A_CALL
    tally("call sites", call_sites=len({site for site, _ in ROWS}), kinds_of_faults=len(FAULTS))


@every_fault
@every_row
def test_a_fault_that_passes_is_mended_by_one_retry_unless_the_call_may_not_be_repeated(
    row: Row, fault: str
) -> None:
    result, effect = undisturbed(row)
    with an_account(row) as (account, case):
        wire = account.wire
        wire.fault, wire.times = fault, 1
        tally("call sites", faults_that_pass=1)
        if fault == "denied" or row.attempts == 1:
            with pytest.raises(row.error):
                case.call()
            assert wire.attempts == 1
            return
        expected = row.result_after if fault == "after" and row.result_after is not ... else result
        assert case.call() == expected
        wire.operation = ""
        assert once(case.effect()) == effect
        if not row.doubles:
            assert case.effect() == effect


@every_fault
@every_row
def test_a_fault_that_lasts_is_told_and_a_later_call_mends_it(row: Row, fault: str) -> None:
    _, effect = undisturbed(row)
    with an_account(row) as (account, case):
        wire = account.wire
        wire.operation = ""
        before = case.effect()
        wire.operation, wire.fault, wire.times = row.operation, fault, 1_000
        with pytest.raises(row.error):
            case.call()
        assert wire.attempts == (1 if fault == "denied" else row.attempts)
        wire.operation = ""
        seen = case.effect()
        if fault == "after" and not row.reads:
            assert once(seen) == effect
        elif not row.doubles:
            assert seen == before
        wire.times = 0
        if fault == "after" and row.told_again is not None:
            with pytest.raises(row.told_again):
                case.call()
        else:
            case.call()
        assert once(case.effect()) == (before if fault in row.lost else effect)
    tally("call sites", faults_that_last=1)
