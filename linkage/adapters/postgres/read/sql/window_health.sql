-- What a report says beside orders and results: how alive the pipeline is, and what came late or was
-- quarantined. A function of a window, and of the latest order, signal and run.
SELECT clock_timestamp() AS read_at,
       coalesce((SELECT enabled FROM switch_intervals ORDER BY changed_at DESC LIMIT 1), true)
         AS linking_enabled,
       (SELECT count(*) FROM quarantine
        WHERE resolved_at IS NULL AND quarantined_at >= %(start)s AND quarantined_at < %(end)s)
         AS quarantined,
       (SELECT count(*) FROM late_orders(%(start)s, %(end)s)) AS late,
       (SELECT count(*) FROM trade_records
        WHERE status = 'test' AND order_time >= %(start)s AND order_time < %(end)s) AS test_orders,
       (SELECT max(order_time) FROM trade_records WHERE status IN ('filled', 'done')) AS last_order_at,
       (SELECT max(signalled_at) FROM strategy_signals) AS last_signal_at,
       last_run.scheduled_at AS last_run_at, last_run.symbols_seen AS last_run_seen,
       last_run.symbols_skipped AS last_run_skipped,
       (SELECT count(*) FROM strategy_runs
        WHERE scheduled_at >= %(start)s AND scheduled_at < %(end)s) AS runs,
       (SELECT coalesce(sum(fill_count), 0) FROM trade_records
        WHERE status IN ('filled', 'done') AND order_time >= %(start)s AND order_time < %(end)s) AS fills,
       (SELECT max(bar_time) FROM (SELECT bar_time FROM strategy_signals
                                   ORDER BY signalled_at DESC LIMIT 100) newest) AS last_bar_at,
       nullif(progress.changed_since, '-infinity') AS lots_as_of,
       progress.matched_at, progress.changed_since < progress.matched_at - INTERVAL '1 minute' AS lots_behind
FROM lot_progress progress
LEFT JOIN LATERAL (
  SELECT scheduled_at, symbols_seen, symbols_skipped FROM strategy_runs ORDER BY scheduled_at DESC LIMIT 1
) last_run ON true
