-- The next closed lots of a window, with everything that is known of them. The page is cut before anything is
-- joined, so that its cost does not follow the length of the ledger.
WITH page AS MATERIALIZED (
  SELECT allocation_id FROM fifo_allocations
  WHERE closed_at >= greatest(%(start)s, %(after_at)s) AND closed_at < %(end)s
    AND (closed_at, allocation_id) > (%(after_at)s, %(after_id)s)
  ORDER BY closed_at, allocation_id LIMIT %(rows)s
)
SELECT lot.allocation_id, lot.episode_id, coalesce(lot.mode, 'unknown') AS mode, lot.bot_id, lot.venue,
       lot.account, lot.symbol, lot.side, lot.kind, lot.matched_by, lot.entry_order_id, lot.exit_order_id,
       lot.opened_at, lot.closed_at, extract(epoch FROM lot.holding_time) AS holding_seconds,
       to_char(lot.opened_at AT TIME ZONE 'UTC', 'HH24')::integer AS hour, lot.quantity, lot.quantity_unit,
       lot.quote_currency, lot.entry_price, lot.exit_price, lot.entry_value, lot.exit_value, lot.fees,
       lot.gross_pnl, lot.net_pnl, lot.average_net_pnl, lot.unit_return, lot.initial_risk, lot.r_multiple,
       lot.fees_complete, lot.snapshot_id, lot.label, lot.params_hash, lot.code_version, lot.strategy,
       lot.arm, lot.propensity, lot.run_id, lot.bar_time, lot.entry_trigger, lot.entry_score,
       lot.score_bucket, lot.buy_score, lot.sell_score, lot.signalled_at, lot.signal_price, lot.stop_loss,
       lot.take_profit, extract(epoch FROM lot.entry_delay) AS entry_delay_seconds, lot.entry_slippage,
       lot.exit_kind,
       lot.exit_signalled_at, lot.exit_signal_price, extract(epoch FROM lot.exit_delay) AS exit_delay_seconds,
       lot.exit_slippage, lot.exit_snapshot_id, lot.mixed, link.indicators_fired, link.indicator_breakdown
FROM page JOIN closed_lots lot USING (allocation_id)
LEFT JOIN trade_strategy_link link ON link.order_id = lot.entry_order_id
ORDER BY lot.closed_at, lot.allocation_id
