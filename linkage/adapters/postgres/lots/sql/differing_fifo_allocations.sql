-- The closed lots of some books that are stored and should not be, or should be and are not.
-- A function of the stored rows and of those that a fresh match made.
WITH stored AS (
  SELECT book, symbol, quote_currency, kind, matched_by, side, entry_order_id, entry_execution_id,
         exit_order_id, exit_execution_id, quantity, entry_price, exit_price, entry_value, exit_value,
         entry_fee, exit_fee, gross_pnl, net_pnl, average_net_pnl, missing, sources, opened_at,
         closed_at, episode_id
  FROM fifo_allocations WHERE book = ANY (%(books)s::text[] COLLATE "C")
), made AS (
  SELECT book, symbol, quote_currency, kind, matched_by, side, entry_order_id, entry_execution_id,
         exit_order_id, exit_execution_id, quantity, entry_price, exit_price, entry_value, exit_value,
         entry_fee, exit_fee, gross_pnl, net_pnl, average_net_pnl, missing, sources, opened_at,
         closed_at, episode_id
  FROM json_populate_recordset(NULL::fifo_allocations, %(rows)s::json)
)
SELECT DISTINCT book, concat_ws(' ', book, entry_order_id, exit_order_id) AS name
FROM (
  (TABLE stored EXCEPT ALL TABLE made) UNION ALL (TABLE made EXCEPT ALL TABLE stored)
) differing
