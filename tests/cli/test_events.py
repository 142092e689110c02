"""``linkage import``: what is right goes to the recorder, what is wrong is named by line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli import events
from linkage.adapters.aws.sqs_events import SqsEventQueue
from linkage.contracts.messages import MAX_MESSAGE_BYTES
from linkage.domain.errors import DeliveryError
from linkage.runtime import aws
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World
from tests.support.events import fill, native_id, order

A, B = native_id(1), native_id(2)

CSV = f"""\ufefftype,venue,order_id,symbol,side,fill_id,price,quantity,fee,executed_at,status,size,\
reduce_only,raw
fill,,{A},BTC/USD,buy,t1,100.10,2,,2026-11-22T18:00:05Z,,,,"{{""entry"": 1.5,
""note"": ""two lines""}}"
order,kraken,{B},BTC-USD,sell,,,,,,filled,3,true,

fill,,{A},BTC-USD,buy,t2,100,one,,2026-11-22T18:00:06Z,,,,
fill,,{A},BTC-USD,buy,t3,100,1,,2026-11-22T18:00:07Z,,,,,surplus
"""


@pytest.fixture
def cloud(world: World) -> WorldCloud:
    return WorldCloud(world)


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def imported(cloud: WorldCloud, text: str | bytes, *arguments: str) -> tuple[int, Any]:
    result = run(cloud, "import", "-", "--json", *arguments, text=text)
    return result.exit_code, json.loads(result.stdout)


def messages(cloud: WorldCloud) -> int:
    reply = aws.client("sqs").get_queue_attributes(
        QueueUrl=cloud.world.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(reply["Attributes"]["ApproximateNumberOfMessages"])


def test_importing_twice_records_once_and_says_how_it_came(cloud: WorldCloud) -> None:
    text = lines(order(A, "filled", size="1"), "", fill(A), fill(B, ingest_via="poll"))
    for _ in range(2):
        assert imported(cloud, text) == (0, {"rows": 3, "sent": 3, "bad": [], "dry_run": False})
        cloud.world.queued()
    assert cloud.world.count("fills") == 2
    assert cloud.world.rows("SELECT DISTINCT ingest_via FROM trade_records") == [("import",)]


def test_csv_has_defaults_for_empty_cells_and_names_bad_rows(cloud: WorldCloud, tmp_path: Path) -> None:
    file = tmp_path / "FILLS.CSV"
    file.write_text(CSV)
    options = ["--venue", "coinbase", "--account", "main", "--bot", "grid1"]
    result = run(cloud, "import", str(file), "--json", *options)
    report = json.loads(result.stdout)
    assert (result.exit_code, report["rows"], report["sent"]) == (1, 4, 2)
    assert [(bad["line"], bad["field"]) for bad in report["bad"]] == [(6, "quantity"), (7, "")]
    cloud.world.queued()
    rows = cloud.world.rows("SELECT order_id, venue, bot_id, symbol, size FROM trade_records ORDER BY venue")
    assert rows == [(A, "coinbase", "grid1", "BTC-USD", None), (B, "kraken", "grid1", "BTC-USD", 3)]
    assert cloud.world.rows("SELECT price::text, fee FROM fills") == [("100.1", None)]
    assert cloud.world.rows("SELECT raw FROM fill_receipts") == [({"entry": 1.5, "note": "two lines"},)]


def test_each_bad_row_is_named_with_what_the_recorder_would_say(cloud: WorldCloud) -> None:
    rows = [
        "no JSON",
        "[]",
        {"order_id": A},
        fill(A, fill_id=None),
        {**fill(A), "nonsense": 1},
        fill(A, executed_at="2026-11-22T18:00:05"),
        fill(A, order_id="nul \0"),
        fill(A, order_id="half \ud800"),
        '{"price": NaN}',
        fill(A, raw={"text": "x" * MAX_MESSAGE_BYTES}),
        fill(A),
    ]
    code, report = imported(cloud, lines(*rows))
    assert (code, report["sent"]) == (1, 1)
    assert [(bad["line"], bad["field"]) for bad in report["bad"]] == [
        (1, ""), (2, ""), (3, "type"), (4, "fill_id"), (5, "nonsense"), (6, "executed_at"), (7, "order_id"),
        (8, "order_id"), (9, ""), (10, ""),
    ]  # fmt: skip
    cloud.world.queued()
    assert (cloud.world.count("quarantine"), cloud.world.count("fills")) == (0, 1)


def test_numbers_keep_eighteen_decimals_and_bytes_that_are_no_text_spoil_one_row(
    cloud: WorldCloud,
) -> None:
    good = json.dumps(fill(A)).replace('"100"', "0.1234567890123456789012345")
    code, report = imported(cloud, b'{"type": "\xff"}\n' + good.encode() + b"\n")
    assert (code, report["sent"], report["bad"][0]["line"]) == (1, 1, 1)
    cloud.world.queued()
    assert cloud.world.rows("SELECT price::text FROM fills") == [("0.123456789012345679",)]


def test_a_hundred_events_share_a_message(cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PROGRESS_ROWS", 1000)
    result = run(cloud, "import", "-", text=lines(*(fill(native_id(n)) for n in range(1050))))
    assert result.stderr == "1000 rows\n1050 rows, 1050 sent, 0 wrong.\n"
    assert messages(cloud) == 11


def test_a_dry_run_checks_and_sends_nothing(cloud: WorldCloud) -> None:
    code, report = imported(cloud, lines(fill(A), {}), "--dry-run", "--type", "order")
    assert (code, report["rows"], report["sent"], len(report["bad"])) == (1, 2, 0, 1)
    assert report["bad"][0]["field"] == "venue"
    assert messages(cloud) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order_id,ticker\n", "no event has a field ticker"),
        ("order_id,order_id\n", "the same name"),
        (f"order_id\n{'x' * 200_000}\n", "line 2"),
    ],
)
def test_a_table_that_cannot_be_read_is_a_usage_error(cloud: WorldCloud, text: str, words: str) -> None:
    result = run(cloud, "import", "-", "--format", "csv", text=text)
    assert (result.exit_code, words in result.stderr) == (2, True)


def test_a_file_that_is_not_there_is_a_usage_error(cloud: WorldCloud, tmp_path: Path) -> None:
    result = run(cloud, "import", str(tmp_path / "none.jsonl"))
    assert (result.exit_code, "No such file" in result.stderr) == (2, True)


def test_a_queue_that_refuses_says_that_importing_again_does_no_harm(
    cloud: WorldCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_queue: SqsEventQueue, _bodies: object) -> None:
        raise DeliveryError("the queue refused a call")

    monkeypatch.setattr(SqsEventQueue, "send", refuse)
    result = run(cloud, "import", "-", text=lines(fill(A)))
    assert (result.exit_code, "does no harm" in result.stderr) == (2, True)
