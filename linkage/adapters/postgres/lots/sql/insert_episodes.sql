-- Insert episodes.
INSERT INTO episodes (
  book, symbol, quote_currency, episode_id, side, opened_at, entry_order_id, entry_execution_id,
  exit_order_id, closed_at, entries, exits, entered_quantity, entry_value, exit_value, fees, gross_pnl,
  net_pnl, average_net_pnl, missing, has_dust, is_boundary
)
SELECT book, symbol, quote_currency, episode_id, side, opened_at, entry_order_id, entry_execution_id,
       exit_order_id, closed_at, entries, exits, trim_scale(entered_quantity), trim_scale(entry_value),
       trim_scale(exit_value), trim_scale(fees), trim_scale(gross_pnl), trim_scale(net_pnl),
       trim_scale(average_net_pnl), missing, has_dust, is_boundary
FROM json_populate_recordset(NULL::episodes, %(rows)s::json)
