-- Insert open lots.
INSERT INTO fifo_open_lots (
  book, symbol, quote_currency, place, side, order_id, execution_id, opened_at, quantity, entered_quantity,
  price, value, fee, missing, sources, position_id, episode_id
)
SELECT book, symbol, quote_currency, place, side, order_id, execution_id, opened_at, trim_scale(quantity),
       trim_scale(entered_quantity), trim_scale(price), trim_scale(value), trim_scale(fee), missing, sources,
       position_id, episode_id
FROM json_populate_recordset(NULL::fifo_open_lots, %(rows)s::json)
