-- The books of some books that are stored and should not be, or should be and are not.
-- A function of the stored rows and of those that a fresh match made.
-- The last price is the state of nothing: an order that is undone may leave it behind.
WITH stored AS (
  SELECT book, owner, venue, account, symbol, position_side, quantity_unit, base_currency,
         quote_currency, last_executed_at, average_cash
  FROM lot_books WHERE book = ANY (%(books)s::text[] COLLATE "C")
), made AS (
  SELECT book, owner, venue, account, symbol, position_side, quantity_unit, base_currency,
         quote_currency, last_executed_at, average_cash
  FROM json_populate_recordset(NULL::lot_books, %(rows)s::json)
)
SELECT DISTINCT book, book AS name
FROM (
  (TABLE stored EXCEPT ALL TABLE made) UNION ALL (TABLE made EXCEPT ALL TABLE stored)
) differing
