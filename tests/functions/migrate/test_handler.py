"""The entry point of ``migrate`` on a real database."""

from __future__ import annotations

import pytest

from functions.migrate import handler
from linkage.domain.errors import InvalidInputError
from linkage.runtime.dependencies import reset
from tests.support.ledger import LedgerDatabase


def test_migrate_reports_what_became_of_the_schema(
    ledger_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in ledger_database.settings("migrator").items():
        monkeypatch.setenv(f"LINKAGE_{name.upper()}", str(value))
    reset()
    try:
        assert handler.migrate({"op": "migrate"}, None)["outcome"] == "current"
        with pytest.raises(InvalidInputError):
            handler.migrate({"op": "drop"}, None)
        password = ledger_database.server.passwords["postgres"]
        master = {"username": "postgres", "password": password}
        assert handler.migrate({"op": "create_roles", "master": master}, None) == {"outcome": "created"}
        assert password not in capsys.readouterr().out
    finally:
        reset()
