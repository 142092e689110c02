"""``linkage verify`` on a real ledger: what somebody with all rights changed is named, with exit code 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.cloud import Options
from cli.main import app
from linkage.runtime.dependencies import reset
from tests.cli.ledger_cloud import LedgerCloud
from tests.support.events import fill, native_id, order, our_key, signal
from tests.support.ledger import LedgerDatabase, ToldLedger

A, B = native_id(1), native_id(2)


@pytest.fixture
def cloud(ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerCloud]:
    """A stage whose ledger has an order with its stop, both linked."""
    told = ToldLedger.open(ledger_database)
    told.tell(
        signal(our_key(1))[1],
        order(A, "filled", client_order_id=our_key(1)),
        fill(A, client_order_id=our_key(1)),
        order(B, "filled", side="sell", parent_order_id=A),
        fill(B, "t2", side="sell"),
    )
    told.close()
    for name, value in ledger_database.settings("reader").items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    yield LedgerCloud()
    reset()


def verified(cloud: LedgerCloud) -> tuple[int, list[dict[str, Any]]]:
    """Return the command's exit code and the invariants, as it printed them."""
    result = CliRunner().invoke(app, ["verify", "--json"], obj=Options(cloud=cloud))
    return result.exit_code, json.loads(result.stdout)["checks"]


def test_an_untouched_ledger_is_verified_row_by_row(cloud: LedgerCloud) -> None:
    code, checks = verified(cloud)
    assert code == 0
    rows = {check["name"]: check["rows"] for check in checks}
    assert (
        rows["every order is what its facts say"] == rows["every link is what the keys and signals say"] == 2
    )


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (f"UPDATE fills SET quantity = 7 WHERE order_id = '{A}'", A),
        (f"DELETE FROM fills WHERE order_id = '{A}'", A),
        ("TRUNCATE fills", B),
        (f"UPDATE fill_receipts SET ingest_via = 'poll' WHERE order_id = '{B}'", B),
        (f"UPDATE order_events SET parent_order_id = NULL WHERE order_id = '{B}'", B),
        ("UPDATE strategy_signals SET buy_score = 9", A),
        (f"DELETE FROM trade_strategy_link WHERE order_id = '{B}'", B),
    ],
)
def test_a_row_that_a_superuser_changed_behind_the_ledger_is_named(
    cloud: LedgerCloud, ledger_database: LedgerDatabase, tampering: str, named: str
) -> None:
    with psycopg.connect(
        ledger_database.server.dsn(database=ledger_database.name), autocommit=True
    ) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(tampering.encode())
    code, checks = verified(cloud)
    assert code == 1
    assert any(named in offender for check in checks for offender in check["offenders"])
    shown = CliRunner().invoke(app, ["verify"], obj=Options(cloud=cloud))
    assert shown.exit_code == 1
    assert named[:8] in shown.stdout
