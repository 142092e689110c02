-- The lots that an order entered or left, closed or open, and its exits without an entry.
SELECT 'closed' AS state, entry_order_id, exit_order_id, quantity, entry_price, exit_price, fees,
       net_pnl AS pnl, quote_currency, kind, missing, closed_at AS at
FROM closed_lots
WHERE entry_order_id = %(order_id)s OR exit_order_id = %(order_id)s
UNION ALL
SELECT 'open', entry_order_id, NULL, quantity, entry_price, mark_price, entry_fee, open_pnl, quote_currency,
       'open', missing, opened_at
FROM open_lots
WHERE entry_order_id = %(order_id)s
UNION ALL
SELECT 'unmatched', NULL, order_id, quantity, NULL, price, fee, NULL, quote_currency, 'unmatched', missing,
       executed_at
FROM unmatched_exits
WHERE order_id = %(order_id)s
ORDER BY at, entry_order_id, exit_order_id
