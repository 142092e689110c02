"""The story of a trade through the deployed local cloud, and what a stranger's post meets there.

Each test brings its own keys, so they share one cloud and do not see each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from standardwebhooks import Webhook

from linkage.domain.canonical import iso_utc
from linkage.domain.keys import OrderIntent, make_client_order_id
from local.deploy import STACKS
from local.mailbox import read_mailbox
from tests.e2e.conftest import OPTIONS, Deployed, Receiver, eventually

pytestmark = pytest.mark.e2e

EVENTS = Path(__file__).parents[1] / "events"
BOT_SNAPSHOT = "b042c0bb-6184-4d40-aa65-2f7c8d83a243"
TIMEOUT_SECONDS = 30

OPERATORS_COUNT = """
SELECT COUNT(*) AS total_trades, COUNT(tsl.order_id) AS linked_trades,
       ROUND(COUNT(tsl.order_id)::numeric / NULLIF(COUNT(*), 0) * 100, 1) AS linkage_pct
FROM trade_records tr LEFT JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
WHERE tr.order_time >= NOW() - INTERVAL '6 hours' AND tr.status IN ('filled', 'done');
"""
OPERATORS_LATEST = """
SELECT tr.symbol, tr.side, tr.order_time, tsl.buy_score, tsl.sell_score, tsl.trigger_type,
       SUBSTRING(tsl.snapshot_id::text, 1, 8) AS snapshot_id
FROM trade_records tr INNER JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
ORDER BY tr.order_time DESC LIMIT 5;
"""


def a_key(symbol: str) -> str:
    """A key of our own form that no other test has."""
    return make_client_order_id(
        OrderIntent("local", "paper", "e2e", uuid4(), symbol, "buy", datetime(2026, 1, 1, tzinfo=UTC))
    )


def a_signal(key: str, symbol: str, snapshot_id: UUID) -> dict[str, Any]:
    return {
        "client_order_id": key,
        "snapshot_id": str(snapshot_id),
        "strategy": "e2e",
        "symbol": symbol,
        "side": "buy",
        "trigger": "score",
        "buy_score": "3.5",
        "sell_score": "0.5",
        "indicators_fired": ["rsi", "roc"],
        "price": "100",
        "quantity": "2",
        "signalled_at": iso_utc(datetime.now(UTC)),
    }


def post_signed(deployed: Deployed, body: Mapping[str, Any]) -> requests.Response:
    """Post as our own strategy does: signed with the current key."""
    secret = deployed.cloud.client("secretsmanager").get_secret_value(
        SecretId=deployed.cloud.output("SecretArn")
    )
    raw, message_id, now = json.dumps(body), uuid4().hex, datetime.now(UTC)
    signature = Webhook(json.loads(secret["SecretString"])["webhook_keys"][0]).sign(message_id, now, raw)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    return requests.post(
        f"{deployed.api_url}/v1/sighook/signals", data=raw.encode(), headers=headers, timeout=TIMEOUT_SECONDS
    )


def post(deployed: Deployed, path: str, body: bytes | object, token: str) -> requests.Response:
    """Post as a bot does: with its token."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return requests.post(f"{deployed.api_url}{path}", data=raw, headers=headers, timeout=TIMEOUT_SECONDS)


def queue(deployed: Deployed, *events: Mapping[str, Any]) -> None:
    """Put events on the fills queue, as a venue's adapter does."""
    deployed.cloud.client("sqs").send_message(
        QueueUrl=deployed.cloud.output("FillsQueueUrl"), MessageBody=json.dumps(list(events))
    )


def an_event(kind: str, order_id: str, symbol: str, **more: object) -> dict[str, Any]:
    return {
        "schema": "linkage.v1",
        "type": kind,
        "venue": "paper",
        "account": "paper",
        "order_id": order_id,
        "symbol": symbol,
        "side": "buy",
        "ingest_via": "stream",
        **more,
    }


def a_fill(order_id: str, symbol: str, **more: object) -> dict[str, Any]:
    fill = {
        "fill_id": f"{order_id}-1",
        "price": "100.5",
        "quantity": "2",
        "fee": "0.1",
        "fee_currency": "USD",
        "executed_at": iso_utc(datetime.now(UTC)),
    }
    return an_event("fill", order_id, symbol, **{**fill, **more})


def link_of(deployed: Deployed, venue_order_id: str) -> list[Any] | None:
    """Return (snapshot id, trigger, buy score, method) of an order's link."""
    rows = deployed.rows(
        "SELECT l.snapshot_id::text, l.trigger_type, l.buy_score::text, l.method"
        " FROM trade_strategy_link l JOIN trade_records r USING (order_id)"
        f" WHERE r.venue_order_id = '{venue_order_id}'"
    )
    assert len(rows) <= 1
    return rows[0] if rows else None


def test_a_signed_signal_and_its_fill_become_a_link_and_a_mail(deployed: Deployed) -> None:
    key, order_id, snapshot_id = a_key("ETH-USD"), str(uuid4()), uuid4()
    signal = a_signal(key, "ETH-USD", snapshot_id)

    stored = post_signed(deployed, signal)
    assert (stored.status_code, stored.json()["outcome"]) == (200, "stored")
    assert post_signed(deployed, signal).json()["outcome"] == "repeated"

    order = an_event("order", order_id, "ETH-USD", client_order_id=key, status="open", size="2")
    queue(deployed, order, a_fill(order_id, "ETH-USD", client_order_id=key))
    link = eventually(lambda: link_of(deployed, order_id), "the link of a signalled order")
    assert link == [str(snapshot_id), "score", "3.5", "key"]

    story = deployed.cloud.invoke("ReadLedgerFunction", {"op": "trace", "id": key})
    assert str(snapshot_id) in json.dumps(story)

    now = datetime.now(UTC)
    period = {"start": iso_utc(now - timedelta(hours=6)), "end": iso_utc(now + timedelta(minutes=1))}
    mail = {"recipients": ["desk@example.com"], "subject": "E2E report", "send": True}
    deployed.cloud.invoke("SendReportFunction", {**period, **mail})
    sent = [each for each in read_mailbox(deployed.local.state) if each.recipients == ("desk@example.com",)]
    assert [each.subject for each in sent] == ["E2E report"]
    listed = json.loads(deployed.command("local", "mail", "--json"))
    assert sent[0].message_id in {each["message_id"] for each in listed}
    assert "ETH-USD" in sent[0].html
    assert "ETH-USD" in sent[0].text


def test_the_existing_bots_post_is_kept_forwarded_and_linked_by_the_venues_order_id(
    deployed: Deployed, receiver: Receiver
) -> None:
    name = f"matrix-{uuid4().hex[:8]}"
    added = deployed.command(
        "bot", "add", name, "--source", "bottrader", "--venue", "coinbase",
        "--forward-url", receiver.url, "--insecure", "--json",
    )  # fmt: skip
    token = json.loads(added)["token"]
    body = (EVENTS / "bottrader_signal.json").read_bytes()

    first = post(deployed, "/webhook", body, token)
    assert (first.status_code, first.json()["outcome"]) == (200, "stored")
    assert [raw for _headers, raw in receiver.received] == [body]
    assert "authorization" not in receiver.received[0][0]
    assert receiver.received[0][0]["idempotency-key"] == json.loads(body)["order_id"].replace("-", "")

    again = post(deployed, "/webhook", body, token)
    assert (again.status_code, again.json()["outcome"]) == (200, "repeated")
    assert len(receiver.received) == 1

    order_id, key = str(uuid4()), json.loads(body)["order_id"]
    known = post(
        deployed,
        "/v1/orders",
        {"client_order_id": key, "venue": "coinbase", "account": "main", "order_id": order_id},
        token,
    )
    assert known.status_code == 202
    queue(deployed, a_fill(order_id, "AVNT-USD", venue="coinbase", account="main"))
    link = eventually(
        lambda: link_of(deployed, order_id), "the link of an order known by the venue's id only"
    )
    assert link == [BOT_SNAPSHOT, "roc_momo", None, "key"]

    changed = json.loads(body) | {"limit_price": 0.5}
    refusals = [
        (post(deployed, "/webhook", changed, token), 409, "order_id"),
        (
            post(deployed, "/webhook", body, token[:-1] + ("A" if token[-1] != "A" else "B")),
            401,
            "authorization",
        ),
        (post(deployed, "/webhook", json.loads(body) | {"side": "hold"}, token), 422, "side"),
        (post(deployed, "/webhook", b" " * 70 * 1024, token), 413, "body"),
    ]
    for reply, status, field in refusals:
        document = reply.json()
        assert (reply.status_code, document["status"], document["field"]) == (status, status, field), document
        assert reply.headers["content-type"] == "application/problem+json"
    assert len(receiver.received) == 1
    assert link_of(deployed, order_id) == link


def test_a_fill_that_outruns_its_signal_links_when_the_signal_comes(deployed: Deployed) -> None:
    key, order_id, snapshot_id = a_key("SOL-USD"), str(uuid4()), uuid4()
    queue(deployed, a_fill(order_id, "SOL-USD", client_order_id=key))
    eventually(
        lambda: deployed.rows(f"SELECT 1 FROM trade_records WHERE venue_order_id = '{order_id}'"), "the order"
    )
    eventually(lambda: deployed.logged("record-fills", "No metadata cached"), "the warning of the recorder")
    assert link_of(deployed, order_id) is None

    assert post_signed(deployed, a_signal(key, "SOL-USD", snapshot_id)).status_code == 200
    link = eventually(lambda: link_of(deployed, order_id), "the link of an order whose signal came late")
    assert link == [str(snapshot_id), "score", "3.5", "key"]
    assert deployed.logged("receive", "STRATEGY_CACHE stored")
    eventually(lambda: deployed.logged("", "STRATEGY_LINK created"), "the line of the link")


def test_trades_of_a_time_without_linkage_are_disabled_and_link_after_it(deployed: Deployed) -> None:
    key, order_id, snapshot_id = a_key("ADA-USD"), str(uuid4()), uuid4()
    disposition = f"SELECT disposition FROM order_dispositions d JOIN trade_records r USING (order_id) WHERE r.venue_order_id = '{order_id}'"  # noqa: E501
    deployed.command("switch", "off")
    try:
        assert post_signed(deployed, a_signal(key, "ADA-USD", snapshot_id)).status_code == 200
        queue(deployed, a_fill(order_id, "ADA-USD", client_order_id=key))
        eventually(lambda: deployed.rows(disposition) == [["disabled"]], "the order, without a link")
    finally:
        deployed.command("switch", "on")
    deployed.cloud.invoke("SweepFunction", {})
    eventually(lambda: deployed.rows(disposition) == [["linked"]], "the backlog's link")


def test_dead_letters_come_back_by_themselves(deployed: Deployed) -> None:
    order_id, dead_letters = str(uuid4()), deployed.cloud.output("FillsDlqUrl")
    deployed.cloud.client("sqs").send_message(
        QueueUrl=dead_letters, MessageBody=json.dumps([a_fill(order_id, "DOT-USD")])
    )
    recorded = (
        f"SELECT fill_count, filled_quantity::text FROM trade_records WHERE venue_order_id = '{order_id}'"
    )

    done = deployed.cloud.invoke("RedriveFunction", {})
    # Unless its schedule has just been quicker, that is one.
    assert done["ledger_answers"] is True
    assert (done["moved"], done["left"]) == (done["waiting"], 0)
    assert eventually(lambda: deployed.rows(recorded), "the fill that was a dead letter") == [[1, "2"]]
    counted = deployed.cloud.client("sqs").get_queue_attributes(
        QueueUrl=dead_letters,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    assert set(counted["Attributes"].values()) == {"0"}


def test_an_unknown_path_gets_a_problem_document(deployed: Deployed) -> None:
    for method, path, status in (
        ("GET", "/v2/nothing", 404),
        ("POST", "/", 404),
        ("GET", "/v1/signals", 405),
    ):
        reply = requests.request(method, f"{deployed.api_url}{path}", timeout=TIMEOUT_SECONDS)
        assert (reply.status_code, reply.json()["status"]) == (status, status)
        assert reply.headers["content-type"] == "application/problem+json"


def test_the_operators_queries_run_as_they_stand(deployed: Deployed) -> None:
    for query in (OPERATORS_COUNT, OPERATORS_LATEST):
        assert json.loads(deployed.command("sql", query, "--json"))


def test_functions_of_the_vpc_find_every_service_closed_but_dynamodb(deployed: Deployed) -> None:
    client = deployed.cloud.client("lambda")
    for name in ("RecordFillsFunction", "ReadLedgerFunction"):
        configuration = client.get_function_configuration(FunctionName=deployed.cloud.output(name))
        variables = configuration["Environment"]["Variables"]
        assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
        assert ("AWS_ENDPOINT_URL_DYNAMODB" in variables) == (name == "RecordFillsFunction")


def test_a_second_deployment_of_the_same_code_changes_nothing(deployed: Deployed) -> None:
    deployed.local.deploy(OPTIONS)
    log = (deployed.local.directory / "logs" / "deploy.log").read_text()
    for stack in STACKS:
        assert f"{stack} (no changes)" in log
