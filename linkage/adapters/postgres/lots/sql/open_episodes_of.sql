-- The open episodes of some books as they stand, with 0 for a P&L that nobody can know.
SELECT book, episode_id, side, opened_at, entry_order_id, entry_execution_id, exit_order_id, closed_at,
       entries, exits, entered_quantity, entry_value, exit_value, fees, coalesce(gross_pnl, 0) AS gross_pnl,
       coalesce(net_pnl, 0) AS net_pnl, coalesce(average_net_pnl, 0) AS average_net_pnl, missing, has_dust,
       is_boundary
FROM episodes
WHERE book = ANY (%(books)s::text[] COLLATE "C") AND closed_at IS NULL
