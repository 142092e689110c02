from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from functions.query_ledger.handler import query_ledger
from functions.query_ledger.settings import QueryLedgerSettings
from linkage.adapters.postgres.read.queries import MAX_CELL_LENGTH, PostgresQueries, QueryFailedError
from linkage.domain.errors import LedgerUnavailableError
from linkage.runtime.dependencies import reset
from linkage.runtime.settings import variable_name
from local.postgres import PostgresServer
from tests.support.ledger import LedgerDatabase
from tests.support.ledger_rows import LedgerRows

OPERATOR_QUERIES = (
    """SELECT COUNT(*) AS total_trades, COUNT(tsl.order_id) AS linked_trades,
       ROUND(COUNT(tsl.order_id)::numeric / NULLIF(COUNT(*), 0) * 100, 1) AS linkage_pct
FROM trade_records tr LEFT JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
WHERE tr.order_time >= NOW() - INTERVAL '6 hours' AND tr.status IN ('filled', 'done');""",
    """SELECT tr.symbol, tr.side, tr.order_time, tsl.buy_score, tsl.sell_score, tsl.trigger_type,
       SUBSTRING(tsl.snapshot_id::text, 1, 8) AS snapshot_id
FROM trade_records tr INNER JOIN trade_strategy_link tsl ON tr.order_id = tsl.order_id
ORDER BY tr.order_time DESC LIMIT 5;""",
)

Ask = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def shared_database(postgres_server: PostgresServer, ledger_template: str) -> Iterator[LedgerDatabase]:
    """One ledger for all: no test here may be able to change it."""
    database = LedgerDatabase.create(postgres_server, ledger_template)
    rows = LedgerRows(database)
    rows.bot("grid1")
    rows.snapshot()
    rows.linked("a", 10, average_price="100.10")
    try:
        yield database
    finally:
        database.drop()


@pytest.fixture
def ask(shared_database: LedgerDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Call the function as Lambda does; what it answers has been through JSON."""
    for name, value in {**shared_database.settings("sql_reader"), "max_rows": 50}.items():
        monkeypatch.setenv(variable_name(name), str(value))
    reset()

    def call(text: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(json.dumps(query_ledger({"sql": text}, None)))
        return answer

    yield call
    reset()


@pytest.mark.parametrize("statement", OPERATOR_QUERIES)
def test_the_operators_queries_run_as_they_stand(ask: Ask, statement: str) -> None:
    assert ask(statement)["ok"]


def test_an_answer_has_columns_rows_and_exact_numbers(ask: Ask) -> None:
    answer = ask("SELECT order_id, average_price, fill_count, key_is_ours, ended_at FROM trade_records")
    assert answer == {
        "ok": True,
        "columns": ["order_id", "average_price", "fill_count", "key_is_ours", "ended_at"],
        "rows": [["a", "100.10", 1, False, None]],
        "truncated": False,
    }


def test_an_answer_without_rows_still_has_its_columns(ask: Ask) -> None:
    assert ask("SELECT order_id FROM trade_records WHERE false") == {
        "ok": True, "columns": ["order_id"], "rows": [], "truncated": False,
    }  # fmt: skip


def test_every_type_gives_a_cell_that_json_knows(ask: Ask) -> None:
    answer = ask(
        "SELECT 'NaN'::float8, 'Infinity'::numeric, 'infinity'::timestamptz, '4713-01-01 BC'::date, "
        "'\\x00ff'::bytea, ARRAY[1, 2], '{\"a\": 1.10}'::jsonb, interval '1 day', NULL, 9007199254740993, "
        "int4range(1, 3), ROW(1, 'x'), '127.0.0.1'::inet"
    )
    assert answer["ok"], answer
    assert answer["rows"][0][:5] == ["NaN", "Infinity", "infinity", "4713-01-01 BC", "\\x00ff"]
    assert answer["rows"][0][8:10] == [None, 9007199254740993]


def test_more_rows_than_the_limit_are_cut_and_said_to_be(ask: Ask) -> None:
    answer = ask("SELECT generate_series(1, 51)")
    assert (len(answer["rows"]), answer["truncated"]) == (50, True)
    assert not ask("SELECT generate_series(1, 50)")["truncated"]


def test_a_result_without_end_is_cut_at_once(ask: Ask) -> None:
    started = time.monotonic()
    answer = ask("SELECT generate_series(1, 1000000000)")
    assert answer["truncated"]
    assert time.monotonic() - started < 15


def test_an_answer_fits_into_what_a_function_may_answer(ask: Ask) -> None:
    answer = ask("SELECT repeat('x', 500000) FROM generate_series(1, 40)")
    assert answer["truncated"]
    assert len(json.dumps(answer)) < 6_000_000
    assert len(answer["rows"][0][0]) == MAX_CELL_LENGTH + 1


@pytest.mark.parametrize(
    "row",
    [
        "repeat(chr(1), 99999)",
        ", ".join(["repeat('x', 99999)"] * 39),
    ],
    ids=["what JSON escapes", "many columns"],
)
def test_an_answer_fits_whatever_its_rows_are_made_of(ask: Ask, row: str) -> None:
    answer = ask(f"SELECT {row} FROM generate_series(1, 40)")
    assert (answer["ok"], answer["truncated"]) == (True, True)
    assert len(json.dumps(answer)) < 6_000_000


@pytest.mark.parametrize(
    "row", ["repeat('x', 300000000)", ", ".join(["repeat('x', 99999)"] * 60)], ids=["one cell", "many cells"]
)
def test_a_first_row_that_there_is_no_room_for_is_told_and_not_taken(ask: Ask, row: str) -> None:
    answer = ask(f"SELECT {row} FROM generate_series(1, 3)")
    assert not answer["ok"]
    assert "first row, or its error, is too large" in answer["error"]


def test_rows_before_one_that_there_is_no_room_for_are_answered_as_cut(ask: Ask) -> None:
    answer = ask("SELECT repeat('x', CASE g WHEN 3 THEN 200000000 ELSE 2 END) FROM generate_series(1, 4) g")
    assert (answer["rows"], answer["truncated"]) == ([["xx"], ["xx"]], True)


def test_small_rows_without_end_are_not_taken_for_a_large_one(ask: Ask) -> None:
    answer = ask("SELECT repeat('x', 10000) FROM generate_series(1, 1000000)")
    assert (len(answer["rows"]), answer["truncated"]) == (50, True)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nonsense FROM trade_records", "nonsense"),
        ("SELECT 1/0", "division by zero"),
        ("SELECT 1/(5-g) FROM generate_series(1, 9) g", "division by zero"),
        ("SELECT $1::text", "requires 1"),
        ("SELECT repeat('x', 1000000)::int", "invalid input syntax for type integer"),
        ("SELECT repeat('x', 300000000)::int", "too large for an answer"),
        ("SELECT repeat('x', 1100000000)", "too large"),
        ("", "empty"),
        ("   ", "empty"),
        ("SELECT 'a\x00b'", "NUL"),
        ("SELECT '\ud800'", "Unicode"),
        ("SELECT 1 -- " + "x" * 100_000, "longer"),
        ("COPY trade_records TO STDOUT", "rows"),
        ("SELECT 1; SELECT 2", "multiple commands"),
    ],
)
def test_an_error_of_the_users_is_an_answer(ask: Ask, statement: str, words: str) -> None:
    answer = ask(statement)
    assert not answer["ok"]
    assert words in answer["error"]
    assert len(answer["error"]) < 2_100


def test_something_that_is_no_text_is_an_answer_too(ask: Ask) -> None:
    for event in ({}, {"sql": None}, {"sql": 7}, {"sql": ["SELECT 1"]}):
        assert query_ledger(event, None)["ok"] is False


def test_a_syntax_error_names_its_place(ask: Ask) -> None:
    assert "at character 15" in ask("SELECT * FROM nowhere")["error"]


HOSTILE = (
    "INSERT INTO switch_intervals VALUES (now(), false, 'x')",
    "UPDATE trade_records SET symbol = 'x'",
    "DELETE FROM trade_records",
    "TRUNCATE trade_records",
    "WITH gone AS (DELETE FROM trade_strategy_link RETURNING *) SELECT * FROM gone",
    "WITH x AS (SELECT set_config('transaction_read_only', 'off', false)) INSERT INTO bots SELECT FROM x",
    "COMMIT; DELETE FROM trade_records",
    "DROP TABLE trade_records",
    "CREATE TABLE mine (a int)",
    "CREATE TEMP TABLE mine (a int)",
    "ALTER ROLE sql_reader SUPERUSER",
    "ALTER ROLE sql_reader SET statement_timeout = 0",
    "SET ROLE recorder",
    "SET temp_file_limit = -1",
    "SELECT set_config('temp_file_limit', '-1', false)",
    "ALTER ROLE sql_reader SET temp_file_limit = -1",
    "SET SESSION AUTHORIZATION linkage_owner",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "SELECT raw FROM order_events",
    "SELECT raw FROM fill_receipts",
    "SELECT extra FROM strategy_signals",
    "SELECT * FROM order_events",
    "SELECT body FROM quarantine",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT rolpassword FROM pg_authid",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_create(0)",
    "LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE",
    "DO $$ BEGIN DELETE FROM trade_records; END $$",
    "SELECT query_to_xml('DELETE FROM trade_records', true, false, '')",
    "SELECT nextval('quarantine_quarantine_id_seq')",
)


@pytest.mark.parametrize("statement", HOSTILE)
def test_what_would_write_lock_or_spy_is_refused_and_changes_nothing(
    ask: Ask, shared_database: LedgerDatabase, statement: str
) -> None:
    assert not ask(statement)["ok"]
    assert shared_database.rows("SELECT symbol, (SELECT count(*) FROM bots) FROM trade_records") == [
        ("BTC-USD", 1)
    ]
    assert shared_database.rows("SELECT count(*) FROM trade_strategy_link, strategy_signals") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT set_config('role', 'sql_reader', false)",
        "SET statement_timeout = 0",
        "SET default_transaction_read_only = off",
        "COMMIT",
        "ROLLBACK",
        "PREPARE evil AS SELECT 1",
        "LISTEN everybody",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    ],
)
def test_what_a_statement_leaves_in_its_session_ends_with_it(ask: Ask, statement: str) -> None:
    ask(statement)
    assert ask("SHOW statement_timeout")["rows"] == [["20s"]]
    assert ask("SHOW transaction_read_only")["rows"] == [["on"]]
    assert ask("SELECT count(*)::int FROM pg_prepared_statements WHERE name <> ''")["rows"] == [[0]]
    assert ask("SELECT count(*)::int FROM pg_cursors WHERE name = 'c'")["rows"] == [[0]]


def test_no_connection_stays_behind(ask: Ask, shared_database: LedgerDatabase) -> None:
    for statement in ("SELECT 1", "SELECT 1/0", "SELECT generate_series(1, 1000000000)"):
        ask(statement)
    deadline = time.monotonic() + 10
    left = [(1,)]
    while left != [(0,)] and time.monotonic() < deadline:
        left = shared_database.rows(
            "SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'sql_reader' AND datname = %s",
            shared_database.name,
        )
    assert left == [(0,)]


def test_a_statement_cannot_lift_its_own_time_limit(ledger_database: LedgerDatabase) -> None:
    settings = QueryLedgerSettings(**ledger_database.settings("sql_reader"))
    name = sql.Identifier(ledger_database.name)
    limit = sql.SQL("ALTER ROLE sql_reader IN DATABASE {} SET statement_timeout = '300ms'").format(name)
    with psycopg.connect(ledger_database.server.dsn(database=ledger_database.name)) as superuser:
        superuser.execute(limit)
    with pytest.raises(QueryFailedError, match="timeout"):
        PostgresQueries(settings, max_rows=5).run(
            "SELECT set_config('statement_timeout', '0', false), pg_sleep(20)"
        )


def test_a_statement_cannot_fill_the_disk_with_temporary_files(
    ask: Ask, ledger_database: LedgerDatabase
) -> None:
    assert ask("SHOW temp_file_limit")["rows"] == [["1GB"]]
    settings = QueryLedgerSettings(**ledger_database.settings("sql_reader"))
    name = sql.Identifier(ledger_database.name)
    limit = sql.SQL("ALTER ROLE sql_reader IN DATABASE {} SET temp_file_limit = '1MB'").format(name)
    with psycopg.connect(ledger_database.server.dsn(database=ledger_database.name)) as superuser:
        superuser.execute(limit)
    with pytest.raises(QueryFailedError, match="temp_file_limit"):
        PostgresQueries(settings, max_rows=5).run(
            "SELECT repeat('x', 99) || number FROM generate_series(1, 200000) number ORDER BY 1"
        )


def test_another_session_of_the_role_shows_no_statement_of_the_recorder(
    ask: Ask, shared_database: LedgerDatabase
) -> None:
    shared_database.connect("recorder").execute("SELECT 'the recorder was here'")
    answer = ask("SELECT query FROM pg_stat_activity WHERE usename = 'recorder'")
    assert "the recorder was here" not in json.dumps(answer)


def test_a_database_that_is_away_is_an_error_and_not_an_answer(
    shared_database: LedgerDatabase,
) -> None:
    settings = QueryLedgerSettings(**{**shared_database.settings("sql_reader"), "db_port": 9})
    with pytest.raises(LedgerUnavailableError):
        PostgresQueries(settings, max_rows=5).run("SELECT 1")
