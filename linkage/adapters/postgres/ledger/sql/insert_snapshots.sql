-- A batch's descriptions of snapshots, as one JSON array. Leaves the snapshots with a new one to the
-- statements that follow.
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(facts)s::json) AS fact (
    snapshot_id uuid, config_hash text, bot_id text, params_hash text, strategy text, code_version text,
    label text, parameters jsonb, described_at timestamptz
  )
), named_snapshots AS (
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
SELECT (SELECT count(*) FROM described) AS new_facts,
       set_config('linkage.snapshots', array(SELECT DISTINCT snapshot_id FROM described)::text, true)
