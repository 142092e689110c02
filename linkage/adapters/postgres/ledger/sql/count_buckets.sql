-- The uncounted buckets of a period in which nothing is pending, counted; none while a transaction runs that
-- began before their rows were there.
WITH counted AS MATERIALIZED (
  SELECT * FROM rates_by_bucket(%(start)s, %(end)s)
)
UPDATE rolled_rates r
SET facts_version = facts_for_rates(), counts = coalesce(counted.counts, '[]')
FROM rolled_rates uncounted LEFT JOIN counted USING (bucket)
WHERE r.bucket = uncounted.bucket AND uncounted.bucket >= %(start)s AND uncounted.bucket < %(end)s
  AND uncounted.facts_version IS DISTINCT FROM (SELECT facts_for_rates())
  AND NOT coalesce(counted.has_pending, false)
  AND pg_snapshot_xmin(pg_current_snapshot()) >= %(next_writer)s::xid8
