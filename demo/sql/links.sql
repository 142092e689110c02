-- Every link with the keys of its order and of its signal.
SELECT link.order_id, link.bot_id, link.client_order_id AS signal_key, link.snapshot_id, link.method,
       link.trigger_type, link.buy_score, link.sell_score, link.signalled_at,
       tr.client_order_id AS order_key, tr.parent_order_id, tr.replaces_order_id, tr.symbol, tr.side
FROM trade_strategy_link link JOIN trade_records tr USING (order_id)
ORDER BY link.order_id
