-- Every rate that was counted in advance against its orders. Returns how many rows there are, and the ids of
-- those that differ.
WITH counted AS MATERIALIZED (
  SELECT * FROM rates_by_bucket((SELECT min(bucket) FROM rolled_rates),
                                (SELECT max(bucket) + INTERVAL '5 minutes' FROM rolled_rates))
)
SELECT count(*) AS rows,
       array_agg(bucket::text ORDER BY bucket)
         FILTER (WHERE r.counts IS DISTINCT FROM coalesce(counted.counts, '[]')) AS offenders
FROM rolled_rates r LEFT JOIN counted USING (bucket)
WHERE r.facts_version = (SELECT facts_for_rates())
