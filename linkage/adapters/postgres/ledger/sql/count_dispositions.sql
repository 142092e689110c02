-- Executed orders of a period by disposition; test orders are not measured.
SELECT disposition, count(*) AS orders
FROM order_dispositions
WHERE executed AND order_time >= %(start)s AND order_time < %(end)s AND mode IS DISTINCT FROM 'test'
GROUP BY disposition
