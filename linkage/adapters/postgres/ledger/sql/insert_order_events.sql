-- A batch's order events, as one JSON array. Adds the orders with a new one to those that the fills left.
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(facts)s::json) AS fact (
    order_id text, event_hash text, venue_order_id text, venue text, account text, bot_id text,
    client_order_id text, key_is_ours boolean, parent_order_id text, replaces_order_id text, symbol text,
    side text, position_side text, reduce_only boolean, position_id text, origin text, ingest_via text,
    status text, venue_status text, order_type text, trigger text, size numeric, created_at timestamptz,
    updated_at timestamptz, raw json
  )
), new_events AS (
  INSERT INTO order_events (order_id, event_hash, venue_order_id, venue, account, bot_id, client_order_id,
                            key_is_ours, parent_order_id, replaces_order_id, symbol, side, position_side,
                            reduce_only, position_id, origin, ingest_via, status, venue_status, order_type,
                            trigger, size, created_at, updated_at, raw)
  SELECT order_id, event_hash, venue_order_id, venue, account, bot_id, client_order_id,
         coalesce(key_is_ours, false), parent_order_id, replaces_order_id, symbol, side, position_side,
         reduce_only, position_id, origin, ingest_via, status, venue_status, order_type, trigger,
         trim_scale(size), created_at, updated_at, raw
  FROM incoming ORDER BY order_id, event_hash
  ON CONFLICT DO NOTHING
  RETURNING order_id
)
SELECT (SELECT count(*) FROM new_events) AS new_facts,
       (SELECT array_agg(DISTINCT order_id) FROM incoming) AS order_ids,
       set_config('linkage.scope',
                  array(SELECT unnest(nullif(current_setting('linkage.scope', true), '')::text[])
                        UNION SELECT order_id FROM new_events)::text, true) AS scope
