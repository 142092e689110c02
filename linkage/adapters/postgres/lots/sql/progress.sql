-- How far changes were turned into lots, and which further tables have rows since then.
-- A function of the row of lot_progress, which says nothing before the first time, and of those tables.
SELECT changed_since AS since, after_order_id,
       EXISTS (SELECT FROM bots WHERE recorded_at >= changed_since) AS with_bots,
       EXISTS (SELECT FROM conversion_rates WHERE recorded_at >= changed_since) AS with_rates,
       EXISTS (SELECT FROM trading_rules WHERE recorded_at >= changed_since) AS with_rules
FROM lot_progress WHERE changed_since > '-infinity'
