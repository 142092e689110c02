-- Linked orders by the trigger of their signal.
SELECT coalesce(trigger_type, 'none') AS trigger_name, count(*) AS orders
FROM order_dispositions JOIN trade_strategy_link USING (order_id)
WHERE disposition = 'linked' GROUP BY trigger_name ORDER BY trigger_name
