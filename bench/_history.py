"""A ledger of any size, made by the server: two years of orders, so that a window always holds as many.

Orders come in pairs of a buy and the sell that closes it; ids are random, as those of venues are. Nine pairs
of ten are linked, the others were placed by hand. Signals are there for the last days only, as in a ledger
whose archive was trimmed; nothing of what a report reads is missing.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from linkage.adapters.postgres.connection import rows

TABLES = ("trade_records", "trade_strategy_link", "strategy_signals", "fifo_allocations", "episodes")

_WORLD = """
INSERT INTO bots (bot_id, updated_at, source, venue, account, mode, expects_signals, client_id_pattern,
                  linked_since)
VALUES ('sighook', '2020-01-01Z', 'sighook', 'paper', 'main', 'paper', 'yes', NULL, '2020-01-01Z'),
       ('grid1', '2020-01-01Z', 'ccxt', 'coinbase', 'main', 'live', 'mixed', '^grid-', '2020-01-01Z'),
       ('trend', '2020-01-01Z', 'ccxt', 'coinbase', 'main', 'live', 'mixed', '^trend-', '2020-01-01Z');
INSERT INTO strategy_snapshots (snapshot_id, config_hash, params_hash, bot_id, strategy, code_version, label,
                                parameters)
SELECT md5('set' || n)::uuid, 'c' || n, 'p' || n, 'sighook', 'matrix', '3f2a', 'Set ' || n,
       jsonb_build_object('strategy', 'matrix', 'score_buy', (n::numeric / 4)::text)
FROM generate_series(0, 7) AS n;
INSERT INTO lot_books (book, owner, venue, account, symbol, position_side, quantity_unit, base_currency,
                       quote_currency, last_executed_at, last_price, average_cash)
SELECT lot_book(owner, venue, 'main', 'C' || n || '-USDT', 'long', 'base'), owner, venue, 'main',
       'C' || n || '-USDT', 'long', 'base', 'C' || n, 'USDT', now(), 100, 0
FROM generate_series(0, 39) AS n,
     (VALUES ('sighook', 'paper'), ('grid1', 'coinbase'), ('trend', 'coinbase'), ('external', 'coinbase'))
       AS owners (owner, venue);
INSERT INTO strategy_runs (run_id, bot_id, strategy, snapshot_id, scheduled_at, started_at, duration_ms,
                           symbols_seen, signals_sent)
SELECT md5('run' || n)::uuid, 'sighook', 'matrix', md5('set0')::uuid, %(end)s - n * INTERVAL '5 minutes',
       %(end)s - n * INTERVAL '5 minutes', 900, 40, 0
FROM generate_series(1, %(runs)s) AS n;
UPDATE lot_progress SET changed_since = clock_timestamp() + INTERVAL '1 hour',
                        matched_at = clock_timestamp() + INTERVAL '1 hour';
"""

# The last %(window)s orders are those of the last six hours; all others are spread over the two years before.
_ORDERS = """
CREATE UNLOGGED TABLE made AS
SELECT n, pair, md5('order' || n)::uuid::text AS order_id, is_exit, pair %% 10 <> 9 AS linked,
       CASE WHEN pair %% 10 = 9 THEN 'external' WHEN pair %% 3 = 0 THEN 'sighook' WHEN pair %% 3 = 1
            THEN 'grid1' ELSE 'trend' END AS owner,
       CASE WHEN pair %% 3 = 0 AND pair %% 10 <> 9 THEN 'paper' ELSE 'coinbase' END AS venue,
       'C' || pair %% 40 || '-USDT' AS symbol, ('set' || pair %% 8) AS set_name, at,
       CASE WHEN is_exit THEN 100 + (pair %% 7 - 3)::numeric ELSE 100 END AS price
FROM (
  SELECT n, n / 2 AS pair, n %% 2 = 1 AS is_exit,
         CASE WHEN n >= %(orders)s - %(window)s
              THEN %(end)s - INTERVAL '6 hours' * ((%(orders)s - n) / %(window)s::float8)
              ELSE %(end)s - INTERVAL '6 hours'
                   - INTERVAL '730 days' * ((%(orders)s - %(window)s - n)
                                            / greatest(%(orders)s - %(window)s, 1)::float8) END AS at
  FROM generate_series(0, %(orders)s - 1) AS n
) numbered
"""

_FILL = {
    "trade_records": """
INSERT INTO trade_records (order_id, venue, account, venue_order_id, bot_id, client_order_id, key_is_ours,
  symbol, side, status, trigger_type, origin, ingest_via, size, filled_quantity, quantity_unit,
  average_price, notional, fee, fee_currency, order_time, placed_at, ended_at, fill_count, event_count,
  first_recorded_at, updated_at)
SELECT order_id, venue, 'main', order_id, NULL,
       CASE WHEN linked THEN CASE owner WHEN 'sighook' THEN md5('key' || n) ELSE owner || '-' || n END END,
       owner = 'sighook', symbol, CASE WHEN is_exit THEN 'sell' ELSE 'buy' END, 'filled', NULL,
       CASE WHEN linked THEN 'strategy' ELSE 'manual' END, 'stream', 2, 2, 'base', price, 2 * price,
       0.2, 'USDT', at, at - INTERVAL '1 second', at, 1, 1, at + INTERVAL '2 seconds',
       at + INTERVAL '2 seconds'
FROM made
""",
    "trade_strategy_link": """
INSERT INTO trade_strategy_link (order_id, bot_id, client_order_id, meaning, snapshot_id, buy_score,
  sell_score, trigger_type, indicators_fired, indicator_breakdown, arm, origin, signalled_at, signal_price,
  method, linked_at)
SELECT order_id, owner,
       CASE owner WHEN 'sighook' THEN md5('key' || n) ELSE owner || '-' || n END, 'm', md5(set_name)::uuid,
       4.5, 1.25, CASE WHEN is_exit THEN 'take_profit' ELSE 'roc_momo' END, '{rsi,roc}',
       '{"rsi": {"decision": "buy", "value": "28.125", "threshold": "30", "weight": "2.5"}}', 'main',
       'strategy', at - INTERVAL '8 seconds', 99.9, 'key', at + INTERVAL '2 seconds'
FROM made WHERE linked
""",
    "strategy_signals": """
INSERT INTO strategy_signals (bot_id, client_order_id, meaning, key_is_ours, snapshot_id, strategy, symbol,
  side, trigger_type, buy_score, sell_score, price, stop_loss, origin, signalled_at, bar_time, disposition,
  received_at, recorded_at)
SELECT owner, CASE owner WHEN 'sighook' THEN md5('key' || n) ELSE owner || '-' || n END, 'm',
       owner = 'sighook', md5(set_name)::uuid, 'matrix', symbol, CASE WHEN is_exit THEN 'sell' ELSE 'buy' END,
       CASE WHEN is_exit THEN 'take_profit' ELSE 'roc_momo' END, 4.5, 1.25, 99.9,
       CASE WHEN NOT is_exit THEN 95 END, 'strategy', at - INTERVAL '8 seconds',
       date_trunc('minute', at), 'sent', at, at
FROM made WHERE linked AND at >= %(end)s - INTERVAL '3 days'
""",
    "fifo_allocations": """
INSERT INTO fifo_allocations (book, symbol, entry_order_id, exit_order_id, quantity, entry_price, exit_price,
  entry_fee, exit_fee, quote_currency, opened_at, closed_at, allocated_at, kind, matched_by, side,
  entry_execution_id, exit_execution_id, entry_value, exit_value, gross_pnl, net_pnl, average_net_pnl,
  missing, sources, episode_id)
SELECT lot_book(entry.owner, entry.venue, 'main', entry.symbol, 'long', 'base'), entry.symbol, entry.order_id,
       exit.order_id, 2, entry.price, exit.price, 0.2, 0.2, 'USDT', entry.at, exit.at, exit.at, 'matched',
       'fifo', 'long', 'f' || entry.n, 'f' || exit.n, 2 * entry.price, 2 * exit.price,
       2 * (exit.price - entry.price), 2 * (exit.price - entry.price) - 0.4,
       2 * (exit.price - entry.price) - 0.4, '{}', '{}', md5('episode' || entry.pair)::uuid
FROM made entry JOIN made exit ON exit.pair = entry.pair AND exit.is_exit
WHERE NOT entry.is_exit ORDER BY entry.pair
""",
    "episodes": """
INSERT INTO episodes (episode_id, book, symbol, quote_currency, side, opened_at, closed_at, entry_order_id,
  entry_execution_id, exit_order_id, entries, exits, entered_quantity, entry_value, exit_value, fees,
  gross_pnl, net_pnl, average_net_pnl, missing, has_dust, is_boundary)
SELECT episode_id, book, symbol, quote_currency, side, opened_at, closed_at, entry_order_id,
       entry_execution_id, exit_order_id, 1, 1, quantity, entry_value, exit_value, entry_fee + exit_fee,
       gross_pnl, net_pnl, average_net_pnl, '{}', false, true
FROM fifo_allocations
""",
}


def make_history(superuser: psycopg.Connection[Any], orders: int, *, window: int, end: object) -> None:
    """Fill an empty, migrated ledger.

    Args:
        superuser: a connection in autocommit.
        orders: how many there are in all.
        window: how many of them are in the last six hours.
        end: of the six hours, aware UTC.
    """
    given = {"orders": orders, "window": min(window, orders), "end": end, "runs": 2000}
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET jit = off")
    # Rows are made in the order of time and read in the order in which they lie: nothing has to be sorted.
    superuser.execute("SET synchronize_seqscans = off; SET enable_hashjoin = off")
    cursor = psycopg.ClientCursor(superuser)
    cursor.execute(_WORLD, given)
    cursor.execute(_ORDERS, given)
    cursor.execute("CREATE INDEX ON made (pair)")
    cursor.execute("ANALYZE made")
    for table in TABLES:
        rebuild = _strip(superuser, table)
        cursor.execute(_FILL[table], given)
        for statement in rebuild:
            cursor.execute(statement)
    cursor.execute("DROP TABLE made")
    for table in TABLES:
        superuser.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
    superuser.execute("ANALYZE; CHECKPOINT; RESET session_replication_role")


def _strip(superuser: psycopg.Connection[Any], table: str) -> list[sql.SQL]:
    """Drop the indexes and keys of a table, and return what makes them again, which is faster."""
    keys = rows(
        superuser,
        "SELECT conrelid::regclass::text AS owner, conname AS name, pg_get_constraintdef(oid) AS definition"
        " FROM pg_constraint"
        " WHERE (conrelid = %(table)s::regclass AND contype = 'p') OR confrelid = %(table)s::regclass"
        " ORDER BY contype = 'p' DESC",
        {"table": table},
    ).fetchall()
    for key in reversed(keys):
        superuser.execute(f"ALTER TABLE {key.owner} DROP CONSTRAINT {key.name}".encode())
    indexes = rows(
        superuser,
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %(table)s",
        {"table": table},
    ).fetchall()
    for index in indexes:
        superuser.execute(f"DROP INDEX {index.indexname}".encode())
    made = [sql.SQL(index.indexdef) for index in indexes]
    # Foreign keys hold, because the rows are made so; checking ten million takes longer than making them.
    made += [
        sql.SQL(
            f"ALTER TABLE {key.owner} ADD CONSTRAINT {key.name} {key.definition}{_unchecked(key.definition)}"
        )
        for key in keys
    ]
    return made


def _unchecked(definition: str) -> str:
    return " NOT VALID" if definition.startswith("FOREIGN KEY") else ""
