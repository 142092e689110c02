-- The buckets that are not counted, or with fewer facts than there are: from when to when on each day, the
-- latest day first.
SELECT min(bucket) AS start, max(bucket) + INTERVAL '5 minutes' AS "end" FROM rolled_rates
WHERE facts_version IS DISTINCT FROM (SELECT facts_for_rates())
GROUP BY date_trunc('day', bucket) ORDER BY start DESC
