-- An order as a function of its facts and its link. The recorder writes what stands here, `linkage verify`
-- compares with it. It never reads the row that it makes, so the result cannot depend on the order in which
-- facts arrived.
--
-- Functions of this file are plain SELECTs, stable and without settings of their own: PostgreSQL puts their
-- text into the calling statement and plans it there.

-- One row per fill: of several versions the greatest.
CREATE VIEW counted_fills AS
SELECT DISTINCT ON (order_id, fill_id, venue, account) *
FROM fills
ORDER BY order_id, fill_id, venue, account,
         coalesce(quantity, cumulative_quantity) DESC, coalesce(price, average_price) DESC NULLS LAST,
         coalesce(fee, total_fees) DESC NULLS LAST, executed_at DESC, economics DESC;

-- One row per order that has cumulative records: the furthest that the venue says the order had got.
CREATE VIEW counting_cumulative AS
SELECT DISTINCT ON (order_id) *
FROM counted_fills
WHERE kind = 'CUMULATIVE'
ORDER BY order_id, cumulative_quantity DESC, executed_at DESC, total_fees DESC NULLS LAST,
         average_price DESC NULLS LAST, status NULLS LAST, economics;

-- What makes two reports of a fill one: everything that was executed, however it reached us. The hash is the
-- one by which PostgreSQL assigns rows to partitions, so it does not change between versions; to its numbers
-- 1.50 and 1.5 are one. It distinguishes the versions of one fill, never two fills.
CREATE FUNCTION fill_economics(
  kind text, refers_to text, symbol text, side text, price numeric, quantity numeric, quantity_unit text,
  fee numeric, fee_currency text, executed_at timestamptz, cumulative_quantity numeric,
  average_price numeric, total_fees numeric, status text
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT hash_record_extended(ROW (
    coalesce(kind, 'FILL'), refers_to, symbol, side, price, quantity, coalesce(quantity_unit, 'base'), fee,
    fee_currency, executed_at, cumulative_quantity, average_price, total_fees, status
  ), 0)
$$;

-- What makes two deliveries of a fill one: the channel, the message, and all that it claimed.
CREATE FUNCTION fill_receipt(
  fill_id text, venue text, account text, ingest_via text, message_id text, bot_id text,
  client_order_id text, parent_order_id text, replaces_order_id text, position_side text,
  reduce_only boolean, position_id text, origin text, liquidity text, executed_at timestamptz
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT hash_record_extended(ROW (
    fill_id, venue, account, ingest_via, message_id, bot_id, client_order_id, parent_order_id,
    replaces_order_id, position_side, reduce_only, position_id, origin, liquidity, executed_at
  ), 0)
$$;

-- Statuses are collected as bits.
CREATE FUNCTION status_bit(status text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE status WHEN 'filled' THEN 1 WHEN 'done' THEN 2 WHEN 'rejected' THEN 4 WHEN 'expired' THEN 8
                     WHEN 'cancelled' THEN 16 WHEN 'open' THEN 32 ELSE 0 END
$$;

-- The channel with the least rank is the one by which an order came.
CREATE FUNCTION channel_rank(ingest_via text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE ingest_via WHEN 'stream' THEN 1 WHEN 'webhook' THEN 2 WHEN 'poll' THEN 3 ELSE 4 END
$$;

CREATE FUNCTION known_origin(origin text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN lower(origin) <> 'unknown' THEN origin END
$$;

-- The columns of trade_records that facts and links decide. A type of its own: a column that a later schema adds
-- to the table does not change what this function returns.
CREATE TYPE derived_order AS (
  order_id text COLLATE "C",
  venue text COLLATE "C",
  account text COLLATE "C",
  venue_order_id text COLLATE "C",
  bot_id text COLLATE "C",
  client_order_id text COLLATE "C",
  key_is_ours boolean,
  symbol text COLLATE "C",
  side text COLLATE "C",
  position_side text COLLATE "C",
  reduce_only boolean,
  position_id text COLLATE "C",
  status text COLLATE "C",
  venue_status text COLLATE "C",
  order_type text COLLATE "C",
  trigger_type text COLLATE "C",
  origin text COLLATE "C",
  ingest_via text COLLATE "C",
  size numeric,
  filled_quantity numeric,
  quantity_unit text COLLATE "C",
  average_price numeric,
  notional numeric,
  fee numeric,
  fee_currency text COLLATE "C",
  fees jsonb,
  order_time timestamptz,
  placed_at timestamptz,
  ended_at timestamptz,
  parent_order_id text COLLATE "C",
  replaces_order_id text COLLATE "C",
  fill_count integer,
  event_count integer
);

-- The rows of trade_records that the facts of these orders, and their links, make.
-- linked: false for orders that have no link yet, so that none is looked for.
CREATE FUNCTION derive_orders(order_ids text[], linked boolean) RETURNS SETOF derived_order
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH scope AS MATERIALIZED (
  SELECT order_ids COLLATE "C" AS ids
), counted AS MATERIALIZED (
  SELECT * FROM counted_fills WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
), receipts AS MATERIALIZED (
  SELECT order_id, venue_order_id, bot_id, client_order_id, key_is_ours, parent_order_id, replaces_order_id,
         position_side, reduce_only, position_id, origin, ingest_via, executed_at
  FROM fill_receipts WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
), events AS MATERIALIZED (
  SELECT order_id, venue_order_id, bot_id, venue, account, client_order_id, key_is_ours, symbol, side,
         position_side, reduce_only, position_id, parent_order_id, replaces_order_id, origin, ingest_via,
         status, venue_status, order_type, trigger, size, created_at, updated_at
  FROM order_events WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
), fills_agg AS (
  -- value is in the quote currency (for contracts: price times contracts), amount in the base currency or
  -- in contracts. A quantity given in quote units is turned round by its price.
  SELECT order_id, min(venue) AS venue, min(account) AS account, min(symbol) AS symbol, min(side) AS side,
         min(executed_at) AS first_at, max(executed_at) AS last_at,
         min(executed_at) FILTER (WHERE status <> 'open') AS ended_at,
         count(*) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')) AS fill_count,
         min(quantity_unit) AS least_unit, max(quantity_unit) AS greatest_unit,
         coalesce(sum(value) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS value,
         coalesce(sum(amount) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS amount,
         coalesce(sum(value) FILTER (WHERE kind = 'REVERSAL'), 0) AS value_back,
         coalesce(sum(amount) FILTER (WHERE kind = 'REVERSAL'), 0) AS amount_back,
         sum(CASE kind WHEN 'REVERSAL' THEN -fee ELSE fee END) FILTER (WHERE kind <> 'CUMULATIVE') AS fee,
         sum(fee) FILTER (WHERE kind = 'REVERSAL') AS fee_back,
         min(fee_currency) FILTER (WHERE kind <> 'CUMULATIVE' AND fee IS NOT NULL) AS least_currency,
         max(fee_currency) FILTER (WHERE kind <> 'CUMULATIVE' AND fee IS NOT NULL) AS greatest_currency,
         bit_or(status_bit(status)) AS bits
  FROM (
    SELECT counted.*,
           CASE quantity_unit WHEN 'quote' THEN quantity ELSE quantity * price END AS value,
           CASE quantity_unit WHEN 'quote' THEN quantity / nullif(price, 0) ELSE quantity END AS amount
    FROM counted
  ) valued
  GROUP BY order_id
), receipts_agg AS (
  SELECT order_id, min(venue_order_id) AS venue_order_id, min(bot_id) AS bot_id,
         min(position_side) AS position_side, bool_or(reduce_only) AS reduce_only,
         min(position_id) AS position_id, min(parent_order_id) AS parent_order_id,
         min(replaces_order_id) AS replaces_order_id, min(known_origin(origin)) AS origin,
         min(channel_rank(ingest_via)) AS channel
  FROM receipts
  GROUP BY order_id
), events_agg AS (
  SELECT order_id, min(venue_order_id) AS venue_order_id, min(bot_id) AS bot_id, min(venue) AS venue,
         min(account) AS account, min(symbol) AS symbol, min(side) AS side,
         min(position_side) AS position_side, bool_or(reduce_only) AS reduce_only,
         min(position_id) AS position_id, min(parent_order_id) AS parent_order_id,
         min(replaces_order_id) AS replaces_order_id, min(order_type) AS order_type,
         min(trigger) AS trigger, min(known_origin(origin)) AS origin,
         min(channel_rank(ingest_via)) AS channel,
         min(created_at) AS placed_at, min(least(created_at, updated_at)) AS first_at,
         min(coalesce(updated_at, created_at)) FILTER (WHERE status <> 'open') AS ended_at,
         (array_agg(size ORDER BY coalesce(updated_at, created_at) DESC NULLS LAST, size DESC)
            FILTER (WHERE size IS NOT NULL))[1] AS size,
         (array_agg(venue_status ORDER BY coalesce(updated_at, created_at) DESC NULLS LAST, venue_status)
            FILTER (WHERE venue_status IS NOT NULL))[1] AS venue_status,
         count(*) AS event_count, bit_or(status_bit(status)) AS bits
  FROM events
  GROUP BY order_id
), order_keys AS (
  -- The least key: ours first, then the earliest, then by text.
  SELECT DISTINCT ON (order_id) order_id, client_order_id, key_is_ours
  FROM (
    SELECT order_id, client_order_id, key_is_ours, executed_at AS at
    FROM receipts WHERE client_order_id IS NOT NULL
    UNION ALL
    SELECT order_id, client_order_id, key_is_ours, coalesce(updated_at, created_at)
    FROM events WHERE client_order_id IS NOT NULL
  ) keys
  ORDER BY order_id, key_is_ours DESC, at NULLS LAST, client_order_id
), cumulated AS (
  -- Looked for only where there is one.
  SELECT order_id, average_price, total_fees, fee_currency,
         CASE quantity_unit WHEN 'quote' THEN cumulative_quantity
              ELSE cumulative_quantity * average_price END AS value,
         CASE quantity_unit WHEN 'quote' THEN cumulative_quantity / nullif(average_price, 0)
              ELSE cumulative_quantity END AS amount
  FROM counting_cumulative
  WHERE order_id = ANY (array(SELECT order_id FROM counted WHERE kind = 'CUMULATIVE'))
), joined AS (
  SELECT order_id, f.first_at AS filled_from, f.last_at AS filled_until, f.fill_count,
         coalesce(f.least_unit, 'base') AS least_unit, coalesce(f.greatest_unit, 'base') AS greatest_unit,
         f.amount_back, f.value_back, f.fee_back, f.least_currency, f.greatest_currency,
         c.order_id IS NOT NULL AND CASE WHEN f.least_unit = 'quote' THEN c.value > f.value
                                         ELSE c.amount > f.amount END AS ahead,
         f.amount, f.value, f.fee,
         c.amount AS c_amount, c.value AS c_value, c.total_fees AS c_fees, c.fee_currency AS c_currency,
         coalesce(f.bits, 0) | coalesce(e.bits, 0) AS bits,
         coalesce(e.event_count, 0) AS event_count,
         least(f.venue, e.venue) AS venue, least(f.account, e.account) AS account,
         least(f.symbol, e.symbol) AS symbol, least(f.side, e.side) AS side,
         least(r.venue_order_id, e.venue_order_id) AS venue_order_id, least(r.bot_id, e.bot_id) AS bot_id,
         least(r.position_side, e.position_side) AS position_side,
         coalesce(r.reduce_only OR e.reduce_only, r.reduce_only, e.reduce_only) AS reduce_only,
         least(r.position_id, e.position_id) AS position_id,
         least(r.parent_order_id, e.parent_order_id) AS parent_order_id,
         least(r.replaces_order_id, e.replaces_order_id) AS replaces_order_id,
         e.order_type, e.venue_status, e.size, e.placed_at, e.first_at AS reported_from,
         least(e.ended_at, f.ended_at) AS ended_at, least(r.channel, e.channel) AS channel,
         k.client_order_id, coalesce(k.key_is_ours, false) AS key_is_ours,
         CASE WHEN l.method <> 'parent' THEN coalesce(l.trigger_type, e.trigger) ELSE e.trigger END
           AS trigger_type,
         coalesce(CASE WHEN l.method <> 'parent' THEN known_origin(l.origin) END, e.origin, r.origin)
           AS origin
  FROM fills_agg f
  FULL JOIN events_agg e USING (order_id)
  LEFT JOIN receipts_agg r USING (order_id)
  LEFT JOIN order_keys k USING (order_id)
  LEFT JOIN cumulated c USING (order_id)
  LEFT JOIN (
    SELECT order_id, method, trigger_type, origin FROM trade_strategy_link
    WHERE linked AND order_id = ANY ((SELECT ids FROM scope)::text[])
  ) l USING (order_id)
  -- A fence: what is named often below is computed once.
  OFFSET 0
), summed AS (
  SELECT joined.*,
         CASE WHEN least_unit = greatest_unit THEN least_unit ELSE 'base' END AS quantity_unit,
         coalesce(CASE WHEN ahead THEN c_amount ELSE amount END - amount_back, 0) AS net_amount,
         CASE WHEN ahead THEN c_value ELSE value END - value_back AS net_value,
         CASE WHEN ahead THEN c_fees - coalesce(fee_back, 0) ELSE fee END AS net_fee,
         CASE WHEN ahead THEN coalesce(c_currency, least_currency) ELSE least_currency END AS currency,
         NOT ahead AND least_currency <> greatest_currency AS mixed
  FROM joined
  OFFSET 0
)
SELECT order_id, venue, account, venue_order_id, bot_id, client_order_id, key_is_ours, symbol, side,
       position_side, reduce_only, position_id,
       CASE WHEN lower(origin) = 'test' THEN 'test'
            WHEN bits & 1 <> 0 OR (quantity_unit <> 'quote' AND size > 0 AND net_amount >= size)
              THEN 'filled'
            WHEN bits & 2 <> 0 OR (bits & 28 <> 0 AND net_amount > 0) THEN 'done'
            WHEN bits & 4 <> 0 THEN 'rejected'
            WHEN bits & 8 <> 0 THEN 'expired'
            WHEN bits & 16 <> 0 THEN 'cancelled'
            WHEN bits = 0 AND net_amount > 0 THEN 'filled'
            ELSE 'open' END AS status,
       venue_status, order_type, trigger_type, origin,
       CASE channel WHEN 1 THEN 'stream' WHEN 2 THEN 'webhook' WHEN 3 THEN 'poll' ELSE 'import' END
         AS ingest_via,
       size,
       trim_scale(CASE quantity_unit WHEN 'quote' THEN coalesce(net_value, 0) ELSE net_amount END)
         AS filled_quantity,
       quantity_unit,
       trim_scale(round(round(net_value, 24) / nullif(net_amount, 0), 18)) AS average_price,
       CASE WHEN greatest_unit <> 'contracts' AND least_unit <> 'contracts' THEN trim_scale(net_value) END
         AS notional,
       CASE WHEN NOT coalesce(mixed, false) THEN trim_scale(net_fee) END AS fee,
       CASE WHEN NOT coalesce(mixed, false) THEN currency END AS fee_currency,
       CASE WHEN mixed THEN (
         SELECT jsonb_object_agg(currency, fee) FROM (
           SELECT coalesce(fee_currency, '') AS currency,
                  trim_scale(sum(CASE kind WHEN 'REVERSAL' THEN -fee ELSE fee END)) AS fee
           FROM counted_fills
           WHERE counted_fills.order_id = summed.order_id AND kind <> 'CUMULATIVE' AND fee IS NOT NULL
           GROUP BY 1
         ) by_currency
       ) END AS fees,
       coalesce(filled_from, reported_from) AS order_time,
       placed_at,
       CASE WHEN bits & 31 <> 0 THEN coalesce(ended_at, filled_until)
            WHEN net_amount > 0 AND (bits = 0 OR (quantity_unit <> 'quote' AND net_amount >= size))
              THEN filled_until END AS ended_at,
       parent_order_id, replaces_order_id, coalesce(fill_count, 0)::integer AS fill_count,
       event_count::integer AS event_count
FROM summed
$$;

-- All orders of which anything is known, by ids, a thousand in each row: what is derived for one batch can so
-- be derived for all.
CREATE VIEW order_chunks AS
SELECT array_agg(order_id) AS order_ids
FROM (
  SELECT order_id, (row_number() OVER (ORDER BY order_id) - 1) / 1000 AS chunk
  FROM (
    SELECT order_id FROM trade_records
    UNION SELECT order_id FROM fills
    UNION SELECT order_id FROM fill_receipts
    UNION SELECT order_id FROM order_events
  ) known
) numbered
GROUP BY chunk;
