"""Statements of the sweep and of the scheduled maintenance."""

from __future__ import annotations

from typing import LiteralString

BACKLOG_DAYS = 60
"""How far back, by first recording, the sweep looks for orders without a link."""

UNRESOLVED: LiteralString = """
WITH waiting AS MATERIALIZED (
  SELECT d.order_id, row_number() OVER (ORDER BY d.order_time DESC NULLS FIRST, d.order_id) AS place
  FROM order_dispositions d
  JOIN trade_records t USING (order_id)
  WHERE d.executed AND d.disposition IN ('pending', 'lost', 'disabled', 'external', 'unsignalled')
    AND d.first_recorded_at > now() - make_interval(days => %(days)s)
    AND (d.expected
         OR EXISTS (SELECT FROM strategy_signals s WHERE s.client_order_id = t.client_order_id)
         OR t.parent_order_id IS NOT NULL OR t.replaces_order_id IS NOT NULL)
)
SELECT order_id FROM waiting
ORDER BY place > (%(limit)s::int + 1) / 2, random()
LIMIT %(limit)s
"""
"""The newest, up to half of the limit, and of the others as many as there is room for, by lot: orders that
are lost for good must not keep a repairable one, old or new, from its turn."""

RECORDED_SINCE: LiteralString = """
SELECT first_recorded_at, order_id FROM trade_records
WHERE first_recorded_at >= %(start)s AND (first_recorded_at, order_id) > (%(start)s, %(after)s)
ORDER BY first_recorded_at, order_id
LIMIT %(limit)s
"""

QUARANTINED: LiteralString = """
SELECT quarantine_id, source, body, message_id, reason FROM quarantine
WHERE resolved_at IS NULL AND quarantine_id > %(after)s
  AND (%(id)s::bigint IS NULL OR quarantine_id = %(id)s)
ORDER BY quarantine_id
LIMIT %(limit)s
"""

SETTLE: LiteralString = """
UPDATE quarantine SET resolved_at = clock_timestamp() WHERE quarantine_id = %s AND resolved_at IS NULL
"""

DISMISS: LiteralString = """
UPDATE quarantine SET resolved_at = clock_timestamp(), resolution = %s
WHERE quarantine_id = %s AND resolved_at IS NULL
"""

KEEP_TRIALS: LiteralString = """
INSERT INTO trials (strategy, params_hash, config_hash, data_hash, period_start, period_end, label, result,
                    tried_at)
SELECT strategy, params_hash, config_hash, data_hash, "from", "to", label, result, tried_at
FROM json_to_recordset(%s::json) AS trial (
  strategy text, params_hash text, config_hash text, data_hash text, "from" timestamptz, "to" timestamptz,
  label text, result jsonb, tried_at timestamptz)
ON CONFLICT DO NOTHING
"""

MISSING: dict[str, LiteralString] = {
    "signal": """
SELECT n FROM json_to_recordset(%s::json) AS f (n integer, bot_id text, client_order_id text, meaning text)
WHERE NOT EXISTS (SELECT FROM strategy_signals s WHERE s.client_order_id = f.client_order_id
                  AND s.bot_id = f.bot_id AND s.meaning = f.meaning)
""",
    "snapshot": """
SELECT n FROM json_to_recordset(%s::json) AS f (n integer, snapshot_id uuid, config_hash text)
WHERE NOT EXISTS (SELECT FROM snapshot_descriptions s WHERE s.snapshot_id = f.snapshot_id
                  AND s.config_hash = f.config_hash)
""",
    "run": """
SELECT n FROM json_to_recordset(%s::json) AS f (n integer, run_id uuid)
WHERE NOT EXISTS (SELECT FROM strategy_runs r WHERE r.run_id = f.run_id)
""",
    "bot": """
SELECT n FROM json_to_recordset(%s::json) AS f (n integer, bot_id text, updated_at timestamptz)
WHERE NOT EXISTS (SELECT FROM bots b WHERE b.bot_id = f.bot_id AND b.updated_at = f.updated_at)
""",
    "switch": """
SELECT n FROM json_to_recordset(%s::json) AS f (n integer, changed_at timestamptz)
WHERE NOT EXISTS (SELECT FROM switch_intervals s WHERE s.changed_at = f.changed_at)
""",
}

HEALTH: LiteralString = """
SELECT disposition, count(*)
FROM order_dispositions
WHERE executed AND order_time >= %(start)s AND order_time < %(end)s AND mode IS DISTINCT FROM 'test'
GROUP BY disposition
"""

# Beyond these the rate is no longer news, but the defect still is.
DEFECTS: LiteralString = "SELECT count(*) FROM quarantine WHERE resolved_at IS NULL"
