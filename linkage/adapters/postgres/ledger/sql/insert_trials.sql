-- Parameter sets that were tried on candles of the past, as one JSON array.
INSERT INTO trials (strategy, params_hash, config_hash, data_hash, period_start, period_end, label, result,
                    tried_at)
SELECT strategy, params_hash, config_hash, data_hash, "from", "to", label, result, tried_at
FROM json_to_recordset(%(trials)s::json) AS trial (
  strategy text, params_hash text, config_hash text, data_hash text, "from" timestamptz, "to" timestamptz,
  label text, result jsonb, tried_at timestamptz)
ON CONFLICT DO NOTHING
