-- The latest exits without an entry in a window, of each mode and currency, with how many there are in all.
SELECT * FROM (
  SELECT coalesce(mode, 'unknown') AS mode, order_id, symbol, side, bot_id, executed_at, quantity,
         quote_currency AS currency, value, count(*) OVER (PARTITION BY mode, quote_currency) AS total,
         row_number() OVER (PARTITION BY mode, quote_currency ORDER BY executed_at DESC, order_id) AS place
  FROM unmatched_exits
  WHERE executed_at >= %(start)s AND executed_at < %(end)s AND mode IS DISTINCT FROM 'test'
) ranked
WHERE place <= %(unmatched)s
ORDER BY mode, currency, place
