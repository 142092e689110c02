-- Linked orders of our own strategy, by trigger.
SELECT trigger_type, count(*) AS orders
FROM order_dispositions JOIN trade_strategy_link link USING (order_id)
WHERE disposition = 'linked' AND link.bot_id = 'sighook' AND trigger_type IS NOT NULL
GROUP BY trigger_type ORDER BY trigger_type
