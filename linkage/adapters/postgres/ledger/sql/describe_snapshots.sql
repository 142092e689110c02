-- The locked snapshots, each by the description of it that counts.
UPDATE strategy_snapshots s
SET (config_hash, params_hash, bot_id, strategy, code_version, label, parameters, described_at)
  = (d.config_hash, d.params_hash, d.bot_id, d.strategy, d.code_version, d.label, d.parameters, d.described_at)
FROM described_snapshots d
WHERE d.snapshot_id = ANY (current_setting('linkage.snapshots')::uuid[])
  AND s.snapshot_id = d.snapshot_id AND s.config_hash IS DISTINCT FROM d.config_hash
