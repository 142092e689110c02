-- Whether an order changed since a moment. It is asked apart, with the moment in it: the planner takes a
-- moment that it cannot see for one long ago.
SELECT EXISTS (SELECT FROM trade_records WHERE updated_at > %(since)s) AS changed
