-- The rates of what has settled, counted once for each five minutes. A row without counts, or counted with
-- fewer facts about bots and the switch than there are, says nothing. What is not counted is judged order by
-- order, so that an answer never depends on what is stored here.

CREATE FUNCTION rate_bucket(moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT date_bin(INTERVAL '5 minutes', moment, TIMESTAMPTZ '2000-01-01 00:00:00Z')
$$;

CREATE TABLE rolled_rates (
  bucket timestamptz PRIMARY KEY CHECK (bucket = rate_bucket(bucket)),
  facts_version bigint,
  counts jsonb
);

CREATE FUNCTION facts_for_rates() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT (SELECT count(*) FROM bots) + (SELECT count(*) FROM switch_intervals)
$$;

-- The orders of a period, counted by the bucket that they are in, as rolled_rates has them.
CREATE FUNCTION rates_by_bucket(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (bucket timestamptz, has_pending boolean, counts jsonb)
LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
  SELECT bucket, bool_or(disposition = 'pending'),
         jsonb_agg(jsonb_build_object('mode', mode, 'disposition', disposition, 'orders', orders,
                                      'with_link', with_link) ORDER BY mode, disposition)
  FROM (
    SELECT rate_bucket(order_time) AS bucket, coalesce(mode, 'unknown') AS mode, disposition,
           count(*) AS orders, count(snapshot_id) AS with_link
    FROM order_dispositions
    WHERE executed AND order_time >= from_time AND order_time < to_time
    GROUP BY 1, 2, 3
  ) counted
  GROUP BY bucket
$$;

-- By index and nested loops only: a planner that cannot see the bounds would read whole tables for a few
-- minutes of orders. OFFSET 0 keeps it from looking for the minutes of each order.
CREATE FUNCTION linkage_rates(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (mode text, disposition text, orders bigint, with_link bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET max_parallel_workers_per_gather = 0 SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  WITH rolled AS MATERIALIZED (
    SELECT r.bucket, r.counts FROM rolled_rates r
    WHERE r.bucket >= from_time AND r.bucket <= to_time - INTERVAL '5 minutes'
      AND r.facts_version = (SELECT facts_for_rates())
  ), gaps AS MATERIALIZED (
    SELECT unnest(tstzmultirange(tstzrange(from_time, to_time))
                  - coalesce(range_agg(tstzrange(r.bucket, r.bucket + INTERVAL '5 minutes')), '{}')) AS span
    FROM rolled r
  )
  SELECT each.mode, each.disposition, sum(each.orders)::bigint, sum(each.with_link)::bigint
  FROM (
    SELECT c.mode, c.disposition, c.orders, c.with_link
    FROM rolled r
    CROSS JOIN jsonb_to_recordset(r.counts) AS c(mode text, disposition text, orders bigint, with_link bigint)
    UNION ALL
    SELECT coalesce(d.mode, 'unknown'), d.disposition, 1, (d.snapshot_id IS NOT NULL)::integer
    FROM gaps g
    CROSS JOIN LATERAL (
      SELECT * FROM order_dispositions o
      WHERE o.executed AND o.order_time >= lower(g.span) AND o.order_time < upper(g.span)
      OFFSET 0
    ) d
  ) each
  GROUP BY 1, 2;
END $$;
