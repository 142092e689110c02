-- The episodes of some books that are stored and should not be, or should be and are not.
-- A function of the stored rows and of those that a fresh match made.
WITH stored AS (
  SELECT book, symbol, quote_currency, episode_id, side, opened_at, entry_order_id, entry_execution_id,
         exit_order_id, closed_at, entries, exits, entered_quantity, entry_value, exit_value, fees,
         gross_pnl, net_pnl, average_net_pnl, missing, has_dust, is_boundary
  FROM episodes WHERE book = ANY (%(books)s::text[] COLLATE "C")
), made AS (
  SELECT book, symbol, quote_currency, episode_id, side, opened_at, entry_order_id, entry_execution_id,
         exit_order_id, closed_at, entries, exits, entered_quantity, entry_value, exit_value, fees,
         gross_pnl, net_pnl, average_net_pnl, missing, has_dust, is_boundary
  FROM json_populate_recordset(NULL::episodes, %(rows)s::json)
)
SELECT DISTINCT book, concat_ws(' ', book, episode_id) AS name
FROM (
  (TABLE stored EXCEPT ALL TABLE made) UNION ALL (TABLE made EXCEPT ALL TABLE stored)
) differing
