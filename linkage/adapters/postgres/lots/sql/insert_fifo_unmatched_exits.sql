-- Insert exits without an entry.
INSERT INTO fifo_unmatched_exits (
  book, symbol, quote_currency, order_id, execution_id, side, executed_at, quantity, price, value, fee,
  missing, sources, parent_order_id
)
SELECT book, symbol, quote_currency, order_id, execution_id, side, executed_at, trim_scale(quantity),
       trim_scale(price), trim_scale(value), trim_scale(fee), missing, sources, parent_order_id
FROM json_populate_recordset(NULL::fifo_unmatched_exits, %(rows)s::json)
