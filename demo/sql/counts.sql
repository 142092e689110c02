-- The ledger in numbers: what became of executed orders, and how many facts there are.
SELECT (SELECT count(*) FROM order_dispositions
        WHERE disposition IN ('linked', 'pending', 'lost', 'conflict')) AS strategy_orders,
       (SELECT count(*) FROM order_dispositions WHERE disposition = 'linked') AS linked,
       (SELECT count(*) FROM order_dispositions WHERE disposition = 'pending') AS pending,
       (SELECT count(*) FROM order_dispositions WHERE disposition = 'lost') AS lost,
       (SELECT count(*) FROM order_dispositions WHERE disposition = 'conflict') AS conflict,
       (SELECT count(*) FROM order_dispositions WHERE disposition = 'external') AS external,
       (SELECT count(*) FROM trade_records WHERE status = 'rejected') AS refused,
       (SELECT count(DISTINCT symbol) FROM order_dispositions WHERE disposition = 'linked') AS symbols,
       (SELECT count(DISTINCT bot_id) FROM order_dispositions WHERE disposition = 'linked') AS bots,
       (SELECT count(*) FROM order_dispositions d JOIN trade_strategy_link USING (order_id)
        WHERE d.disposition = 'linked' AND method = 'parent') AS bracket_children,
       (SELECT count(*) FROM counted_fills) AS fills,
       (SELECT count(*) FROM strategy_signals) AS signals,
       (SELECT count(*) FROM strategy_snapshots) AS snapshots,
       (SELECT count(*) FROM strategy_runs) AS runs,
       (SELECT count(*) FROM quarantine_summary) AS quarantined
