-- Insert books.
INSERT INTO lot_books (
  book, owner, venue, account, symbol, position_side, quantity_unit, base_currency, quote_currency,
  last_executed_at, last_price, average_cash
)
SELECT book, owner, venue, account, symbol, position_side, quantity_unit, base_currency, quote_currency,
       last_executed_at, trim_scale(last_price), trim_scale(average_cash)
FROM json_populate_recordset(NULL::lot_books, %(rows)s::json)
