-- Executed orders, those of them that are linked, and those that sold.
SELECT count(*) FILTER (WHERE executed) AS executed,
       count(*) FILTER (WHERE disposition = 'linked') AS linked,
       count(*) FILTER (WHERE executed AND side = 'sell') AS exits
FROM order_dispositions
