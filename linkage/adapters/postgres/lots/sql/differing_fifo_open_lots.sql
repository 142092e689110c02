-- The open lots of some books that are stored and should not be, or should be and are not.
-- A function of the stored rows and of those that a fresh match made.
WITH stored AS (
  SELECT book, symbol, quote_currency, place, side, order_id, execution_id, opened_at, quantity,
         entered_quantity, price, value, fee, missing, sources, position_id, episode_id
  FROM fifo_open_lots WHERE book = ANY (%(books)s::text[] COLLATE "C")
), made AS (
  SELECT book, symbol, quote_currency, place, side, order_id, execution_id, opened_at, quantity,
         entered_quantity, price, value, fee, missing, sources, position_id, episode_id
  FROM json_populate_recordset(NULL::fifo_open_lots, %(rows)s::json)
)
SELECT DISTINCT book, concat_ws(' ', book, order_id) AS name
FROM (
  (TABLE stored EXCEPT ALL TABLE made) UNION ALL (TABLE made EXCEPT ALL TABLE stored)
) differing
