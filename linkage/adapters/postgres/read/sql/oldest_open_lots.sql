-- The oldest open lots of each mode and currency.
SELECT * FROM (
  SELECT coalesce(mode, 'unknown') AS mode, entry_order_id, symbol, side, bot_id, snapshot_id, label, arm,
         opened_at, quantity, quote_currency AS currency, entry_price, entry_value, mark_price,
         CASE WHEN mark_price IS NOT NULL THEN marked_at END AS marked_at,
         CASE WHEN mark_price IS NOT NULL THEN mark_source END AS mark_source, open_pnl,
         row_number() OVER (PARTITION BY mode, quote_currency ORDER BY opened_at, entry_order_id) AS place
  FROM open_lots
  WHERE bot_id <> 'external' AND mode IS DISTINCT FROM 'test'
) ranked
WHERE place <= %(oldest)s
ORDER BY mode, currency, place
