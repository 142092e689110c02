"""Statements that insert facts. Each takes one JSON array; what is there already is left alone.

Rows go in by key order, so that two batches with the same facts wait for each other and do not deadlock.
"""

from __future__ import annotations

from typing import LiteralString

from linkage.adapters.postgres.ledger import columns

ECONOMICS: LiteralString = """hash_record_extended(ROW(
           coalesce(kind, 'FILL'), refers_to, symbol, side, price, quantity,
           coalesce(quantity_unit, 'base'), fee, fee_currency, executed_at, cumulative_quantity,
           average_price, total_fees, status
         ), 0)"""
"""What makes two tellings of a fill one: everything that was executed, however it reached us. The hash is
the one by which PostgreSQL assigns rows to partitions, so it does not change between versions; to its
numbers 1.50 and 1.5 are one. It tells apart the versions of one fill, never two fills."""

RECEIPT: LiteralString = """hash_record_extended(ROW(
                 fill_id, venue, account, ingest_via, message_id, bot_id, client_order_id, parent_order_id,
                 replaces_order_id, position_side, reduce_only, position_id, origin, liquidity,
                 executed_at), 0)"""
"""What makes two deliveries of a fill one: the channel, the message, and all that it claimed."""

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
         """
    + RECEIPT
    + """ AS receipt
  FROM json_to_recordset(%s::json) AS fact ("""
    + columns.FILL_COLUMNS
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
                                         UNION SELECT order_id FROM new_receipts)::text, true),
       set_config('linkage.doubled', array(SELECT order_id FROM new_fills
                                           GROUP BY order_id HAVING count(*) > 1)::text, true)
"""
)

EVENTS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + columns.EVENT_COLUMNS
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

FILL_CONFLICTS: LiteralString = """
WITH scope AS MATERIALIZED (
  SELECT (current_setting('linkage.scope')::text[] || current_setting('linkage.doubled')::text[])
         COLLATE "C" AS ids
)
INSERT INTO fill_conflicts (order_id, fill_id, venue, account, versions)
SELECT order_id, fill_id, venue, account, count(*) FROM fills
WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
GROUP BY order_id, fill_id, venue, account HAVING count(*) > 1
ORDER BY order_id, fill_id, venue, account
ON CONFLICT (order_id, fill_id, venue, account) DO UPDATE SET versions = excluded.versions
WHERE fill_conflicts.versions <> excluded.versions
"""
"""For orders that were there before, which are locked by now, and those that got several fills at once. Of
two recorders with two versions of one fill the later one sees both."""

SIGNALS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + columns.SIGNAL_COLUMNS
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
    + columns.SNAPSHOT_COLUMNS
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
    + columns.RUN_COLUMNS
    + """)
), named AS (
  INSERT INTO strategy_snapshots (snapshot_id)
  SELECT DISTINCT snapshot_id FROM incoming ORDER BY snapshot_id
  ON CONFLICT DO NOTHING
), new_runs AS (
  INSERT INTO strategy_runs (run_id, bot_id, strategy, arm, arms, snapshot_id, scheduled_at, started_at,
                             duration_ms, symbols_seen, symbols_skipped, signals_sent, signals_repeated,
                             signals_suppressed)
  SELECT run_id, bot_id, strategy, coalesce(arm, 'main'), arms, snapshot_id, scheduled_at, started_at,
         duration_ms, symbols_seen, coalesce(symbols_skipped, '{}'), signals_sent,
         coalesce(signals_repeated, 0), coalesce(signals_suppressed, '{}')
  FROM incoming ORDER BY run_id
  ON CONFLICT DO NOTHING
  RETURNING run_id
)
SELECT (SELECT count(*) FROM new_runs),
       set_config('linkage.runs', array(SELECT run_id FROM new_runs)::text, true)
"""
)

LOCK_ACTIVATIONS: LiteralString = "LOCK TABLE strategy_activations IN SHARE ROW EXCLUSIVE MODE"
"""One change at a time: it is computed from runs of which another batch may have just recorded some."""

DERIVED_ACTIVATIONS: LiteralString = """
  SELECT strategy, arm, scheduled_at AS activated_at, snapshot_id, deactivated_at
  FROM (
    SELECT strategy, arm, scheduled_at, snapshot_id,
           lead(scheduled_at) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS deactivated_at
    FROM (
      SELECT strategy, arm, scheduled_at, snapshot_id,
             lag(snapshot_id) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS before
      FROM (
        -- Runs of one moment count once, whichever came first; an arm's own run before its absence.
        SELECT DISTINCT ON (strategy, arm, scheduled_at) strategy, arm, scheduled_at, snapshot_id
        FROM (
          SELECT strategy, arm, scheduled_at, snapshot_id, run_id FROM strategy_runs
          UNION ALL
          SELECT strategy, known.arm, r.scheduled_at, NULL, NULL
          FROM (SELECT DISTINCT strategy, arm FROM strategy_runs) known
          JOIN strategy_runs r USING (strategy)
          WHERE NOT known.arm = ANY (r.arms)
        ) told
        ORDER BY strategy, arm, scheduled_at, run_id NULLS LAST
      ) moments
    ) compared
    WHERE before IS DISTINCT FROM snapshot_id
  ) steps
  WHERE snapshot_id IS NOT NULL
"""
"""A snapshot is in force from the first run that has it to the first run that has another one, or that has
arms without this one."""

CHANGED_ACTIVATIONS: LiteralString = """
WITH touched AS MATERIALIZED (
  -- The moments that new runs tell something of: their own arm's, and those of arms that they are without.
  SELECT r.strategy, known.arm, r.scheduled_at
  FROM strategy_runs r
  CROSS JOIN LATERAL (
    SELECT r.arm
    UNION
    SELECT a.arm FROM strategy_activations a WHERE a.strategy = r.strategy AND NOT a.arm = ANY (r.arms)
  ) known
  WHERE r.run_id = ANY (current_setting('linkage.runs')::uuid[])
  GROUP BY 1, 2, 3
), moments AS MATERIALIZED (
  -- Each of them, and the next one, which may now follow something else.
  SELECT * FROM touched
  UNION
  SELECT t.strategy, t.arm, following.scheduled_at
  FROM touched t
  CROSS JOIN LATERAL (
    SELECT r.scheduled_at FROM strategy_runs r
    WHERE r.strategy = t.strategy AND r.scheduled_at > t.scheduled_at
      AND (r.arm = t.arm OR NOT t.arm = ANY (r.arms))
    ORDER BY r.scheduled_at LIMIT 1
  ) following
), steps AS MATERIALIZED (
  SELECT m.strategy, m.arm, m.scheduled_at, own.snapshot_id,
         own.snapshot_id IS DISTINCT FROM earlier.snapshot_id AS is_step
  FROM moments m
  LEFT JOIN LATERAL (
    SELECT r.snapshot_id FROM strategy_runs r
    WHERE r.strategy = m.strategy AND r.arm = m.arm AND r.scheduled_at = m.scheduled_at
    ORDER BY r.run_id LIMIT 1
  ) own ON true
  LEFT JOIN LATERAL (
    SELECT CASE WHEN r.arm = m.arm THEN r.snapshot_id END AS snapshot_id FROM strategy_runs r
    WHERE r.strategy = m.strategy AND r.scheduled_at < m.scheduled_at
      AND (r.arm = m.arm OR NOT m.arm = ANY (r.arms))
    ORDER BY r.scheduled_at DESC, r.arm <> m.arm, r.run_id LIMIT 1
  ) earlier ON true
), changed AS MATERIALIZED (
  -- The arms where one of these is a step now and was none, or was one and is none: usually no arm.
  SELECT s.strategy, s.arm, min(s.scheduled_at) AS since, max(s.scheduled_at) AS until
  FROM steps s
  LEFT JOIN strategy_activations a
    ON a.strategy = s.strategy AND a.arm = s.arm AND a.activated_at = s.scheduled_at
  GROUP BY s.strategy, s.arm
  HAVING bool_or(
    (CASE WHEN s.is_step THEN s.snapshot_id END) IS DISTINCT FROM a.snapshot_id
    OR (s.is_step AND s.snapshot_id IS NULL) <> (a.activated_at IS NULL AND EXISTS (
         SELECT FROM strategy_activations ended
         WHERE ended.strategy = s.strategy AND ended.arm = s.arm AND ended.deactivated_at = s.scheduled_at)))
), around AS MATERIALIZED (
  -- The activations from the one before the first of these moments to the one after the last.
  SELECT a.* FROM changed c JOIN strategy_activations a USING (strategy, arm)
  WHERE a.activated_at >= coalesce(
      (SELECT max(b.activated_at) FROM strategy_activations b
       WHERE b.strategy = c.strategy AND b.arm = c.arm AND b.activated_at < c.since), '-infinity')
    AND a.activated_at <= coalesce(
      (SELECT min(b.activated_at) FROM strategy_activations b
       WHERE b.strategy = c.strategy AND b.arm = c.arm AND b.activated_at > c.until), 'infinity')
), known AS (
  SELECT strategy, arm, activated_at AS at, snapshot_id FROM around
  UNION ALL
  SELECT strategy, arm, deactivated_at, NULL FROM around a
  WHERE deactivated_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM strategy_activations n
                    WHERE n.strategy = a.strategy AND n.arm = a.arm AND n.activated_at = a.deactivated_at)
), followed AS (
  SELECT strategy, arm, at, snapshot_id, lead(at) OVER (PARTITION BY strategy, arm ORDER BY at) AS until
  FROM (
    SELECT strategy, arm, at, snapshot_id FROM known k
    WHERE NOT EXISTS (SELECT FROM steps s
                      WHERE s.strategy = k.strategy AND s.arm = k.arm AND s.scheduled_at = k.at)
    UNION ALL
    SELECT strategy, arm, scheduled_at, snapshot_id FROM steps JOIN changed USING (strategy, arm)
    WHERE is_step
  ) every_step
), wanted AS (
  SELECT strategy, arm, at AS activated_at, snapshot_id,
         -- The last of these ends as it did: what follows it is not among them.
         coalesce(until, (SELECT a.deactivated_at FROM around a
                          WHERE a.strategy = f.strategy AND a.arm = f.arm AND a.activated_at = f.at
                            AND NOT EXISTS (SELECT FROM steps s
                                            WHERE s.strategy = a.strategy AND s.arm = a.arm
                                              AND s.scheduled_at = a.deactivated_at)))
           AS deactivated_at
  FROM followed f WHERE snapshot_id IS NOT NULL
)
SELECT set_config('linkage.activations', coalesce(json_agg(d)::text, '[]'), true)
FROM (
  SELECT strategy, arm, activated_at, w.snapshot_id, w.deactivated_at
  FROM around a FULL JOIN wanted w USING (strategy, arm, activated_at)
  WHERE (a.snapshot_id, a.deactivated_at) IS DISTINCT FROM (w.snapshot_id, w.deactivated_at)
) d
"""
"""Work out what new runs change, looking only at the moments next to theirs. It gives the same rows as
``DERIVED_ACTIVATIONS``: a moment's snapshot depends on the runs of that moment alone, and whether it is a
step also on the moment before. All other steps stay: they are the begins and ends of activations."""

_CHANGES: LiteralString = """json_to_recordset(current_setting('linkage.activations')::json)
  AS w (strategy text, arm text, activated_at timestamptz, snapshot_id uuid, deactivated_at timestamptz)"""

DROP_ACTIVATIONS: LiteralString = (
    "DELETE FROM strategy_activations a USING "
    + _CHANGES
    + " WHERE a.strategy = w.strategy AND a.arm = w.arm AND a.activated_at = w.activated_at"
    " AND w.snapshot_id IS NULL"
)

CLOSE_ACTIVATIONS: LiteralString = (
    "UPDATE strategy_activations a SET snapshot_id = w.snapshot_id, deactivated_at = w.deactivated_at FROM "
    + _CHANGES
    + " WHERE a.strategy = w.strategy AND a.arm = w.arm AND a.activated_at = w.activated_at"
)

OPEN_ACTIVATIONS: LiteralString = (
    "INSERT INTO strategy_activations (strategy, arm, activated_at, snapshot_id, deactivated_at)"
    " SELECT strategy, arm, activated_at, snapshot_id, deactivated_at FROM "
    + _CHANGES
    + " WHERE snapshot_id IS NOT NULL ON CONFLICT (strategy, arm, activated_at) DO NOTHING"
)

CHANGE_ACTIVATIONS = (
    LOCK_ACTIVATIONS, CHANGED_ACTIVATIONS, DROP_ACTIVATIONS, CLOSE_ACTIVATIONS, OPEN_ACTIVATIONS,
)  # fmt: skip
"""In this order: an activation that ends makes room for the one that is open."""

BOTS: LiteralString = (
    """
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS fact ("""
    + columns.BOT_COLUMNS
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
-- Those that come to an account. A bot whose token or mode changes is where it was.
SELECT (SELECT count(*) FROM new_bots),
       (SELECT array_agg(DISTINCT bot_id) FROM incoming
        WHERE NOT EXISTS (SELECT FROM bots b
                          WHERE b.bot_id = incoming.bot_id AND b.updated_at < incoming.updated_at
                            AND b.venue = incoming.venue AND b.account = incoming.account))
"""
)

SWITCHES: LiteralString = (
    """
WITH new_switches AS (
  INSERT INTO switch_intervals (changed_at, enabled, changed_by)
  SELECT changed_at, enabled, changed_by FROM json_to_recordset(%s::json) AS fact ("""
    + columns.SWITCH_COLUMNS
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
