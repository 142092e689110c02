-- What new runs change of the activations, looking only at the moments next to theirs. It gives the same rows
-- as the view derived_activations: a moment's snapshot depends on the runs of that moment alone, and whether
-- it is a step also on the moment before. All other steps stay: they are the begins and ends of activations.
WITH touched AS MATERIALIZED (
  -- The moments that new runs say something of: their own arm's, and those of arms that they are without.
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
