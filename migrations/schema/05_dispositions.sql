-- What became of each order, and why.

CREATE VIEW current_bots AS
SELECT DISTINCT ON (bot_id) bot_id, source, venue, account, mode, expects_signals, client_id_pattern, book,
       linked_since, time_zone, removed, updated_at
FROM bots
ORDER BY bot_id, updated_at DESC;

-- A pattern that somebody mistyped matches nothing; it must not make every report fail. It is looked at once
-- for each bot and statement.
CREATE FUNCTION valid_pattern(pattern text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
  PERFORM '' ~ pattern;
  RETURN pattern;
EXCEPTION WHEN invalid_regular_expression THEN
  RETURN NULL;
END $$;

-- Which bot an order belongs to when no link says it: what its events claim, else the pattern of its key,
-- else its account. Several bots on one account that differ count as mixed. Bots are read once for each
-- statement: they are few, and orders are many.
CREATE VIEW order_dispositions AS
WITH known_bots AS MATERIALIZED (
  SELECT bot_id, venue, account, mode, expects_signals, linked_since, removed,
         CASE WHEN NOT removed AND client_id_pattern IS NOT NULL THEN valid_pattern(client_id_pattern) END
           AS pattern
  FROM current_bots
), account_bots AS MATERIALIZED (
  SELECT venue, account,
         CASE count(*) WHEN 1 THEN min(bot_id) END AS bot_id,
         CASE WHEN min(expects_signals) = max(expects_signals) THEN min(expects_signals) ELSE 'mixed' END
           AS expects_signals,
         CASE WHEN min(mode) = max(mode) THEN min(mode) END AS mode,
         min(linked_since) AS linked_since
  FROM known_bots WHERE NOT removed
  GROUP BY venue, account
), attributed AS (
  SELECT tr.order_id, tr.symbol, tr.side, tr.order_time, tr.client_order_id, tr.origin, tr.ingest_via,
         tr.status, tr.key_is_ours, tr.first_recorded_at, tr.venue, tr.account,
         tr.status IN ('filled', 'done') AS executed,
         link.order_id IS NOT NULL AS linked, link.snapshot_id,
         veto.reason AS veto,
         coalesce(link.bot_id, own.bot_id, pattern.bot_id, CASE WHEN tr.key_is_ours THEN ours.bot_id END,
                  account_bots.bot_id, tr.bot_id) AS bot_id,
         coalesce(own.mode, pattern.mode, CASE WHEN tr.key_is_ours THEN ours.mode END, account_bots.mode)
           AS mode,
         coalesce(own.linked_since, pattern.linked_since, account_bots.linked_since) AS linked_since,
         coalesce(own.expects_signals, pattern.expects_signals, account_bots.expects_signals) AS expects,
         tr.key_is_ours
           OR coalesce(ancestor.key_is_ours, false)
           OR coalesce(own.expects_signals, pattern.expects_signals, account_bots.expects_signals) = 'yes'
           OR (pattern.bot_id IS NOT NULL AND pattern.expects_signals = 'mixed') AS expected
  FROM trade_records tr
  LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
  LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
  LEFT JOIN trade_records ancestor ON ancestor.order_id = coalesce(tr.replaces_order_id, tr.parent_order_id)
  LEFT JOIN known_bots own ON own.bot_id = coalesce(link.bot_id, tr.bot_id)
  LEFT JOIN known_bots ours ON ours.bot_id = 'sighook'
  LEFT JOIN LATERAL (
    SELECT bot_id, mode, expects_signals, linked_since FROM known_bots
    WHERE pattern IS NOT NULL AND venue = tr.venue AND account = tr.account
      AND tr.client_order_id ~ pattern
    ORDER BY bot_id LIMIT 1
  ) pattern ON tr.client_order_id IS NOT NULL
  LEFT JOIN account_bots ON account_bots.venue = tr.venue AND account_bots.account = tr.account
)
SELECT order_id, disposition,
       CASE WHEN disposition = 'conflict' THEN veto
            WHEN disposition IN ('lost', 'pending') THEN
              CASE WHEN veto = 'no_snapshot' THEN 'no_snapshot'
                   WHEN client_order_id IS NULL THEN 'no_key'
                   WHEN key_is_ours THEN 'no_signal'
                   ELSE 'unknown_key' END
       END AS reason,
       expected, executed, bot_id, symbol, side, order_time, client_order_id, origin, ingest_via, mode,
       status, venue, account, snapshot_id, first_recorded_at
FROM (
  SELECT attributed.*,
         CASE WHEN NOT executed THEN NULL
              WHEN linked THEN 'linked'
              WHEN veto <> 'no_snapshot' THEN 'conflict'
              WHEN ingest_via = 'import' AND order_time < linked_since THEN 'before_linkage'
              WHEN NOT coalesce(expected, false) THEN
                CASE WHEN expects = 'no' THEN 'unsignalled' ELSE 'external' END
              WHEN (SELECT NOT enabled FROM switch_intervals
                    WHERE changed_at <= attributed.first_recorded_at
                    ORDER BY changed_at DESC LIMIT 1) THEN 'disabled'
              WHEN first_recorded_at > now() - INTERVAL '15 minutes' THEN 'pending'
              ELSE 'lost'
         END AS disposition
  FROM attributed
) judged;

CREATE VIEW linkage_rates_hourly AS
SELECT date_trunc('hour', order_time) AS hour, mode,
       count(*) AS executed,
       count(*) FILTER (WHERE disposition = 'linked') AS linked,
       count(*) FILTER (WHERE disposition = 'pending') AS pending,
       count(*) FILTER (WHERE disposition = 'lost') AS lost,
       count(*) FILTER (WHERE disposition = 'conflict') AS conflict,
       count(*) FILTER (WHERE disposition = 'external') AS external,
       count(*) FILTER (WHERE disposition = 'unsignalled') AS unsignalled,
       count(*) FILTER (WHERE disposition = 'disabled') AS disabled,
       count(*) FILTER (WHERE disposition = 'before_linkage') AS before_linkage,
       round(100.0 * count(*) FILTER (WHERE disposition = 'linked')
             / nullif(count(*) FILTER (WHERE disposition IN ('linked', 'lost', 'conflict')), 0), 1)
         AS expected_linkage_pct,
       round(100.0 * count(*) FILTER (WHERE disposition = 'linked') / count(*), 1) AS executed_linkage_pct
FROM order_dispositions
WHERE executed AND mode IS DISTINCT FROM 'test'
GROUP BY 1, 2;

CREATE VIEW quarantine_summary AS
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution
FROM quarantine;
