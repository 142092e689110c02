-- A batch's runs, as one JSON array, and the snapshots that they name. Leaves the new ones to the statements
-- that follow.
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(facts)s::json) AS fact (
    run_id uuid, bot_id text, strategy text, arm text, arms text[], snapshot_id uuid,
    scheduled_at timestamptz, started_at timestamptz, duration_ms integer, symbols_seen integer,
    symbols_skipped jsonb, signals_sent integer, signals_repeated integer, signals_suppressed jsonb
  )
), named_snapshots AS (
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
SELECT (SELECT count(*) FROM new_runs) AS new_facts,
       set_config('linkage.runs', array(SELECT run_id FROM new_runs)::text, true)
