-- Executed orders that are linked.
SELECT order_id FROM order_dispositions WHERE disposition = 'linked'
