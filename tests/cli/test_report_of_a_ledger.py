"""``linkage report`` on a real ledger: the flags that choose what is read really choose it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from cli.cloud import Options
from cli.main import app
from linkage.runtime.dependencies import reset
from tests.cli.ledger_cloud import LedgerCloud
from tests.support.ledger import LedgerDatabase
from tests.support.ledger_rows import START, LedgerRows


@pytest.fixture
def cloud(ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerCloud]:
    rows = LedgerRows(ledger_database)
    rows.bot("grid1")
    rows.snapshot()
    for hours in (1, 3, 10, 30):
        minutes = (datetime.now(UTC) - START).total_seconds() / 60 - 60 * hours
        rows.linked(f"order-{hours}", minutes)
    for name, value in ledger_database.settings("reader").items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    yield LedgerCloud()
    reset()


def orders(cloud: LedgerCloud, *arguments: str) -> set[str]:
    result = CliRunner().invoke(app, ["report", *arguments, "--json"], obj=Options(cloud=cloud))
    return {order["order_id"] for order in json.loads(result.stdout)["report"]["orders"]}


def test_hours_narrows_what_is_read(cloud: LedgerCloud) -> None:
    assert orders(cloud, "--hours", "2") == {"order-1"}
    assert orders(cloud) == {"order-1", "order-3"}
    assert orders(cloud, "--hours", "48") == {"order-1", "order-3", "order-10", "order-30"}


def test_from_and_until_cut_at_both_ends(cloud: LedgerCloud) -> None:
    assert orders(cloud, "--from", "2020-01-01") == {"order-1", "order-3", "order-10", "order-30"}
    assert orders(cloud, "--from", "2020-01-01", "--until", "2020-02-01") == set()


def test_a_time_in_to_is_the_end_of_the_period(cloud: LedgerCloud) -> None:
    assert orders(cloud, "--from", "2020-01-01", "--to", "2020-02-01") == set()
    assert orders(cloud, "--from", "2020-01-01", "--to", datetime.now(UTC).isoformat()) == {
        "order-1", "order-3", "order-10", "order-30",
    }  # fmt: skip


def test_the_same_period_is_asked_of_the_mail_and_of_the_ledger(cloud: LedgerCloud) -> None:
    orders(cloud, "--hours", "12")
    mail, ledger = cloud.asked[:2]
    assert (mail["start"], mail["end"]) == (ledger["start"], ledger["end"])
    assert mail["send"] is False
