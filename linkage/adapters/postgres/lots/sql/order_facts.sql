-- What orders executed, a row for each fill that counts, with their book, their parent and, where a fee
-- has to be converted, the rate of its minute. A function of fills, orders, their links and rates.
WITH asked AS MATERIALIZED (
  SELECT %(order_ids)s::text[] COLLATE "C" AS order_ids
), owned AS MATERIALIZED (
  SELECT o.*, t.side, t.position_id, t.reduce_only, parents.parent_order_id
  FROM lot_orders o
  JOIN trade_records t USING (order_id)
  JOIN order_parents parents USING (order_id)
  WHERE o.order_id = ANY ((SELECT order_ids FROM asked)::text[])
), counting AS (
  SELECT order_id, fill_id, kind, refers_to, price, quantity, quantity_unit, fee, fee_currency, executed_at
  FROM counted_fills
  WHERE order_id = ANY ((SELECT order_ids FROM asked)::text[]) AND kind <> 'CUMULATIVE'
  UNION ALL
  SELECT order_id, fill_id, kind, refers_to, average_price, cumulative_quantity, quantity_unit, total_fees,
         fee_currency, executed_at
  FROM counting_cumulative WHERE order_id = ANY ((SELECT order_ids FROM asked)::text[])
)
SELECT o.book, o.owner, o.venue, o.account, o.symbol, o.position_side, o.quantity_unit AS book_unit,
       o.base_currency, o.quote_currency, o.order_id, o.side, o.position_id, o.reduce_only, o.parent_order_id,
       f.fill_id, f.kind, f.refers_to, f.price, f.quantity, f.quantity_unit, f.fee, f.fee_currency,
       f.executed_at, rate.base_currency AS rate_from, rate.quote_currency AS rate_to,
       rate.price AS rate_price, rate.source AS rate_source
FROM owned o
JOIN counting f USING (order_id)
LEFT JOIN LATERAL (
  SELECT r.base_currency, r.quote_currency, r.price, r.source FROM conversion_rates r
  WHERE r.minute = date_trunc('minute', f.executed_at)
    AND (r.base_currency, r.quote_currency) IN ((f.fee_currency, o.quote_currency),
                                                (o.quote_currency, f.fee_currency))
  ORDER BY r.base_currency = o.quote_currency, r.source LIMIT 1
) rate ON f.fee_currency <> o.quote_currency AND f.fee_currency <> o.base_currency
