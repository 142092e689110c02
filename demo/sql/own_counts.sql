-- What a demonstration has to include, counted: partial fills, cumulative events, rejected and replaced
-- orders, suppressed signals.
SELECT (SELECT count(*) FROM (SELECT FROM counted_fills JOIN trade_strategy_link USING (order_id)
                              WHERE bot_id = 'sighook' AND kind = 'FILL'
                              GROUP BY order_id HAVING count(*) > 1) parts) AS partial_fills,
       (SELECT count(*) FROM counted_fills WHERE kind = 'CUMULATIVE') AS cumulative_events,
       (SELECT count(*) FROM trade_records WHERE status = 'rejected' AND key_is_ours) AS own_refused,
       (SELECT count(*) FROM trade_strategy_link
        WHERE method = 'replaced' AND bot_id = 'sighook') AS replaced,
       (SELECT count(*) FROM strategy_signals WHERE disposition = 'suppressed') AS suppressed
