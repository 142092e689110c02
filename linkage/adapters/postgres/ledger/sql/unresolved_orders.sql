-- Executed orders of the last days that have no link and should have one, or may get one. The newest, up to
-- half of the limit, and of the others as many as the limit leaves, at random: orders that are lost for good
-- must not keep a repairable one, old or new, from its turn.
WITH waiting AS MATERIALIZED (
  SELECT d.order_id, row_number() OVER (ORDER BY d.order_time DESC NULLS FIRST, d.order_id) AS place
  FROM order_dispositions d
  JOIN trade_records t USING (order_id)
  WHERE d.executed AND d.disposition IN ('pending', 'lost', 'disabled', 'external', 'unsignalled')
    AND d.first_recorded_at > now() - make_interval(days => %(days)s)
    AND (d.expected
         OR EXISTS (SELECT FROM strategy_signals s WHERE s.client_order_id = t.client_order_id)
         OR t.parent_order_id IS NOT NULL OR t.replaces_order_id IS NOT NULL)
)
SELECT order_id FROM waiting
ORDER BY place > (%(limit)s::int + 1) / 2, random()
LIMIT %(limit)s
