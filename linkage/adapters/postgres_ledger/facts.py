"""Statements that insert facts. Each takes one JSON array; what is there already is left alone.

Rows go in by key order, so that two batches with the same facts wait for each other and do not deadlock.
"""

from __future__ import annotations

from typing import LiteralString

from linkage.adapters.postgres_ledger import expand
from linkage.adapters.postgres_ledger.derive import SCOPE

ECONOMICS: LiteralString = """hash_record_extended(ROW(
           coalesce(kind, 'FILL'), refers_to, symbol, side, price, quantity,
           coalesce(quantity_unit, 'base'), fee, fee_currency, executed_at, cumulative_quantity,
           average_price, total_fees, status
         ), 0)"""
"""What makes two tellings of a fill one: everything that was executed, however it reached us. The hash is
the one by which PostgreSQL assigns rows to partitions, so it does not change between versions; to its
numbers 1.50 and 1.5 are one. It tells apart the versions of one fill, never two fills."""

FILLS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT order_id, fill_id, venue, account, coalesce(kind, 'FILL') AS kind, refers_to, symbol, side,
         trim_scale(price) AS price, trim_scale(quantity) AS quantity,
         coalesce(quantity_unit, 'base') AS quantity_unit, trim_scale(fee) AS fee, fee_currency, executed_at,
         trim_scale(cumulative_quantity) AS cumulative_quantity, trim_scale(average_price) AS average_price,
         trim_scale(total_fees) AS total_fees, status, ingest_via, message_id, venue_order_id, bot_id,
         client_order_id, coalesce(key_is_ours, false) AS key_is_ours, parent_order_id, replaces_order_id,
         position_side, reduce_only, position_id, origin, liquidity, raw,
         """
    + ECONOMICS
    + """ AS economics,
         hash_record_extended(ROW(
                 fill_id, venue, account, ingest_via, message_id, bot_id, client_order_id, parent_order_id,
                 replaces_order_id, position_side, reduce_only, position_id, origin, liquidity,
                 executed_at), 0) AS receipt
  FROM json_to_recordset(%s::json) AS fact ("""
    + expand.FILL_COLUMNS
    + """)
), new_fills AS (
  INSERT INTO fills (order_id, fill_id, venue, account, economics, kind, refers_to, symbol, side, price,
                     quantity, quantity_unit, fee, fee_currency, executed_at, cumulative_quantity,
                     average_price, total_fees, status)
  SELECT order_id, fill_id, venue, account, economics, kind, refers_to, symbol, side, price, quantity,
         quantity_unit, fee, fee_currency, executed_at, cumulative_quantity, average_price, total_fees, status
  FROM incoming ORDER BY order_id, fill_id, venue, account, economics
  ON CONFLICT DO NOTHING
  RETURNING order_id
), new_receipts AS (
  INSERT INTO fill_receipts (order_id, receipt, fill_id, venue, account, ingest_via, message_id,
                             venue_order_id, bot_id, client_order_id, key_is_ours, parent_order_id,
                             replaces_order_id, position_side, reduce_only, position_id, origin, liquidity,
                             executed_at, raw)
  SELECT order_id, receipt, fill_id, venue, account, ingest_via, message_id, venue_order_id, bot_id,
         client_order_id, key_is_ours, parent_order_id, replaces_order_id, position_side, reduce_only,
         position_id, origin, liquidity, executed_at, raw
  FROM incoming ORDER BY order_id, receipt
  ON CONFLICT DO NOTHING
  RETURNING order_id
)
SELECT (SELECT count(*) FROM new_fills), (SELECT array_agg(DISTINCT order_id) FROM incoming),
       set_config('linkage.scope', array(SELECT order_id FROM new_fills
                                         UNION SELECT order_id FROM new_receipts)::text, true)
"""
)

EVENTS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + expand.EVENT_COLUMNS
    + """)
), new_events AS (
  INSERT INTO order_events (order_id, event_hash, venue_order_id, venue, account, bot_id, client_order_id,
                            key_is_ours, parent_order_id, replaces_order_id, symbol, side, position_side,
                            reduce_only, position_id, origin, ingest_via, status, venue_status, order_type,
                            trigger, size, created_at, updated_at, raw)
  SELECT order_id, event_hash, venue_order_id, venue, account, bot_id, client_order_id,
         coalesce(key_is_ours, false), parent_order_id, replaces_order_id, symbol, side, position_side,
         reduce_only, position_id, origin, ingest_via, status, venue_status, order_type, trigger,
         trim_scale(size), created_at, updated_at, raw
  FROM incoming ORDER BY order_id, event_hash
  ON CONFLICT DO NOTHING
  RETURNING order_id
)
SELECT (SELECT count(*) FROM new_events), (SELECT array_agg(DISTINCT order_id) FROM incoming),
       set_config('linkage.scope',
                  array(SELECT unnest(nullif(current_setting('linkage.scope', true), '')::text[])
                        UNION SELECT order_id FROM new_events)::text, true)
"""
)

FILL_CONFLICTS: LiteralString = (
    "WITH "
    + SCOPE
    + """
INSERT INTO fill_conflicts (order_id, fill_id, venue, account, versions)
SELECT order_id, fill_id, venue, account, count(*) FROM fills
WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
GROUP BY order_id, fill_id, venue, account HAVING count(*) > 1
ORDER BY order_id, fill_id, venue, account
ON CONFLICT (order_id, fill_id, venue, account) DO UPDATE SET versions = excluded.versions
WHERE fill_conflicts.versions <> excluded.versions
"""
)

SIGNALS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + expand.SIGNAL_COLUMNS
    + """)
), named AS (
  INSERT INTO strategy_snapshots (snapshot_id)
  SELECT DISTINCT snapshot_id FROM incoming WHERE snapshot_id IS NOT NULL ORDER BY snapshot_id
  ON CONFLICT DO NOTHING
), new_signals AS (
  INSERT INTO strategy_signals (bot_id, client_order_id, meaning, key_is_ours, snapshot_id, venue, account,
                                strategy, arm, propensity, run_id, symbol, side, trigger_type, buy_score,
                                sell_score, indicators_fired, indicator_breakdown, price, quantity, notional,
                                order_type, take_profit, stop_loss, origin, signalled_at, bar_time,
                                parent_client_order_id, disposition, guardrail, extra, received_at)
  SELECT bot_id, client_order_id, meaning, coalesce(key_is_ours, false), snapshot_id, venue, account,
         strategy, coalesce(arm, 'main'), propensity, run_id, symbol, side, trigger_type, buy_score,
         sell_score, indicators_fired, indicator_breakdown, price, quantity, notional, order_type,
         take_profit, stop_loss, origin, signalled_at, bar_time, parent_client_order_id,
         coalesce(disposition, 'sent'), guardrail, extra, received_at
  FROM incoming ORDER BY client_order_id, bot_id, meaning
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT (SELECT count(*) FROM new_signals),
       (SELECT array_agg(bot_id ORDER BY client_order_id, bot_id) FROM incoming),
       (SELECT array_agg(client_order_id ORDER BY client_order_id, bot_id) FROM incoming)
"""
)

SNAPSHOTS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + expand.SNAPSHOT_COLUMNS
    + """)
), named AS (
  INSERT INTO strategy_snapshots (snapshot_id)
  SELECT DISTINCT snapshot_id FROM incoming ORDER BY snapshot_id
  ON CONFLICT DO NOTHING
), described AS (
  INSERT INTO snapshot_descriptions (snapshot_id, config_hash, bot_id, params_hash, strategy, code_version,
                                     label, parameters, described_at)
  SELECT snapshot_id, config_hash, bot_id, params_hash, strategy, code_version, label, parameters,
         described_at
  FROM incoming ORDER BY snapshot_id, config_hash
  ON CONFLICT DO NOTHING
  RETURNING snapshot_id
)
SELECT (SELECT count(*) FROM described),
       set_config('linkage.snapshots', array(SELECT DISTINCT snapshot_id FROM described)::text, true)
"""
)

_SNAPSHOT_COLUMNS: LiteralString = (
    "config_hash, params_hash, bot_id, strategy, code_version, label, parameters, described_at"
)

LOCK_SNAPSHOTS: LiteralString = """
SELECT count(*) FROM (
  SELECT FROM strategy_snapshots WHERE snapshot_id = ANY (current_setting('linkage.snapshots')::uuid[])
  ORDER BY snapshot_id FOR NO KEY UPDATE
) locked
"""

DERIVED_SNAPSHOTS: LiteralString = (
    "SELECT DISTINCT ON (snapshot_id) snapshot_id, "
    + _SNAPSHOT_COLUMNS
    + " FROM snapshot_descriptions {where} ORDER BY snapshot_id, config_hash"
)
"""Of several descriptions of one snapshot the least counts."""

DESCRIBE: LiteralString = (
    "UPDATE strategy_snapshots s SET ("
    + _SNAPSHOT_COLUMNS
    + ") = (d.config_hash, d.params_hash, d.bot_id, d.strategy, d.code_version, d.label, d.parameters,"
    " d.described_at) FROM ("
    + DERIVED_SNAPSHOTS.replace(
        "{where}", "WHERE snapshot_id = ANY (current_setting('linkage.snapshots')::uuid[])"
    )
    + ") d WHERE s.snapshot_id = d.snapshot_id AND s.config_hash IS DISTINCT FROM d.config_hash"
)

RUNS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + expand.RUN_COLUMNS
    + """)
), named AS (
  INSERT INTO strategy_snapshots (snapshot_id)
  SELECT DISTINCT snapshot_id FROM incoming ORDER BY snapshot_id
  ON CONFLICT DO NOTHING
), new_runs AS (
  INSERT INTO strategy_runs (run_id, bot_id, strategy, arm, snapshot_id, scheduled_at, started_at,
                             duration_ms, symbols_seen, symbols_skipped, signals_sent, signals_repeated,
                             signals_suppressed)
  SELECT run_id, bot_id, strategy, coalesce(arm, 'main'), snapshot_id, scheduled_at, started_at, duration_ms,
         symbols_seen, coalesce(symbols_skipped, '{}'), signals_sent, coalesce(signals_repeated, 0),
         coalesce(signals_suppressed, '{}')
  FROM incoming ORDER BY run_id
  ON CONFLICT DO NOTHING
  RETURNING strategy, arm
)
SELECT (SELECT count(*) FROM new_runs),
       set_config('linkage.strategies',
                  array(SELECT DISTINCT strategy || E'\\x1f' || arm FROM new_runs)::text, true)
"""
)

LOCK_ACTIVATIONS: LiteralString = "LOCK TABLE strategy_activations IN SHARE ROW EXCLUSIVE MODE"
"""One rebuild at a time: it reads runs and replaces rows that others would read."""

DERIVED_ACTIVATIONS: LiteralString = """
  SELECT strategy, arm, scheduled_at AS activated_at, snapshot_id,
         lead(scheduled_at) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS deactivated_at
  FROM (
    SELECT strategy, arm, scheduled_at, snapshot_id,
           lag(snapshot_id) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS before
    FROM (
      -- Runs of one moment count once, whichever came first.
      SELECT DISTINCT ON (strategy, arm, scheduled_at) strategy, arm, scheduled_at, snapshot_id
      FROM strategy_runs {where}
      ORDER BY strategy, arm, scheduled_at, run_id
    ) moments
  ) steps
  WHERE before IS DISTINCT FROM snapshot_id
"""
"""A snapshot is in force from the first run that has it to the first run that has another."""

_TOUCHED_STRATEGIES: LiteralString = (
    "WHERE (strategy || E'\\x1f' || arm) = ANY (current_setting('linkage.strategies')::text[])"
)
_TOUCHED_ACTIVATIONS: LiteralString = DERIVED_ACTIVATIONS.replace("{where}", _TOUCHED_STRATEGIES)

DROP_ACTIVATIONS: LiteralString = (
    """
WITH wanted AS MATERIALIZED ("""
    + _TOUCHED_ACTIVATIONS
    + """), gone AS (
  DELETE FROM strategy_activations a
  """
    + _TOUCHED_STRATEGIES
    + """
    AND NOT EXISTS (SELECT FROM wanted w WHERE w.strategy = a.strategy AND w.arm = a.arm
                    AND w.activated_at = a.activated_at)
)
SELECT count(*) FROM wanted
"""
)

CLOSE_ACTIVATIONS: LiteralString = (
    """
UPDATE strategy_activations a SET snapshot_id = w.snapshot_id, deactivated_at = w.deactivated_at
FROM ("""
    + _TOUCHED_ACTIVATIONS
    + """) w
WHERE a.strategy = w.strategy AND a.arm = w.arm AND a.activated_at = w.activated_at
  AND (a.snapshot_id, a.deactivated_at) IS DISTINCT FROM (w.snapshot_id, w.deactivated_at)
"""
)

OPEN_ACTIVATIONS: LiteralString = (
    """
INSERT INTO strategy_activations (strategy, arm, activated_at, snapshot_id, deactivated_at)
SELECT strategy, arm, activated_at, snapshot_id, deactivated_at FROM ("""
    + _TOUCHED_ACTIVATIONS
    + """) w
ON CONFLICT (strategy, arm, activated_at) DO NOTHING
"""
)

REBUILD_ACTIVATIONS = (LOCK_ACTIVATIONS, DROP_ACTIVATIONS, CLOSE_ACTIVATIONS, OPEN_ACTIVATIONS)
"""In this order: an activation that ends makes room for the one that is open."""

BOTS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + expand.BOT_COLUMNS
    + """)
), new_bots AS (
  INSERT INTO bots (bot_id, updated_at, source, venue, account, mode, expects_signals, client_id_pattern,
                    book, linked_since, time_zone, removed)
  SELECT bot_id, updated_at, source, venue, account, coalesce(mode, 'live'), coalesce(expects_signals, 'yes'),
         client_id_pattern, book, linked_since, time_zone, coalesce(removed, false)
  FROM incoming ORDER BY bot_id, updated_at
  ON CONFLICT DO NOTHING
  RETURNING bot_id
)
-- An account that gets a bot may turn keys that were nobody's into that bot's.
SELECT (SELECT count(*) FROM new_bots),
       (SELECT array_agg(DISTINCT t.order_id)
        FROM incoming i
        JOIN strategy_signals s ON s.bot_id = i.bot_id AND NOT s.key_is_ours
        JOIN trade_records t ON t.client_order_id = s.client_order_id
        WHERE t.venue = i.venue AND t.account = i.account)
"""
)

SWITCHES: LiteralString = (
    """
WITH new_switches AS (
  INSERT INTO switch_intervals (changed_at, enabled, changed_by)
  SELECT changed_at, enabled, changed_by FROM json_to_recordset(%s::json) AS fact ("""
    + expand.SWITCH_COLUMNS
    + """)
  ORDER BY changed_at
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*) FROM new_switches
"""
)

QUARANTINE: LiteralString = """
WITH put_aside AS (
  INSERT INTO quarantine (digest, source, reason, field, body, message_id)
  SELECT md5(source || E'\\x1f' || body), source, reason, field, body, message_id
  FROM json_to_recordset(%s::json)
    AS event (source text, reason text, field text, body text, message_id text)
  ORDER BY 1
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*) FROM put_aside
"""
