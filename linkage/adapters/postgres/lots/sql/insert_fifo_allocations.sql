-- Insert closed lots.
INSERT INTO fifo_allocations (
  book, symbol, quote_currency, kind, matched_by, side, entry_order_id, entry_execution_id, exit_order_id,
  exit_execution_id, quantity, entry_price, exit_price, entry_value, exit_value, entry_fee, exit_fee,
  gross_pnl, net_pnl, average_net_pnl, missing, sources, opened_at, closed_at, episode_id
)
SELECT book, symbol, quote_currency, kind, matched_by, side, entry_order_id, entry_execution_id,
       exit_order_id, exit_execution_id, trim_scale(quantity), trim_scale(entry_price),
       trim_scale(exit_price), trim_scale(entry_value), trim_scale(exit_value), trim_scale(entry_fee),
       trim_scale(exit_fee), trim_scale(gross_pnl), trim_scale(net_pnl), trim_scale(average_net_pnl), missing,
       sources, opened_at, closed_at, episode_id
FROM json_populate_recordset(NULL::fifo_allocations, %(rows)s::json)
