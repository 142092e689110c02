-- Who may do what. Facts can be added and never changed; a reader of SQL sees no raw body.

GRANT SELECT, INSERT ON strategy_signals, order_events, fills, fill_receipts, snapshot_descriptions,
  strategy_runs, bots, switch_intervals, trade_strategy_link_history TO recorder;
GRANT SELECT, INSERT, UPDATE, DELETE ON trade_records, trade_strategy_link, strategy_snapshots,
  strategy_activations, fifo_allocations, link_vetoes, fill_conflicts TO recorder;
GRANT SELECT, INSERT ON quarantine TO recorder;
GRANT UPDATE (resolved_at, resolution) ON quarantine TO recorder;
GRANT SELECT ON current_bots, counted_fills, order_dispositions, linkage_rates_hourly, quarantine_summary
  TO recorder;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;

GRANT SELECT ON trade_records, trade_strategy_link, trade_strategy_link_history, strategy_snapshots,
  strategy_activations, strategy_runs, fifo_allocations, link_vetoes, fill_conflicts, fills, bots,
  switch_intervals, current_bots, counted_fills, order_dispositions, linkage_rates_hourly,
  quarantine_summary TO sql_reader;
GRANT SELECT (order_id, event_hash, venue_order_id, venue, account, bot_id, client_order_id, key_is_ours,
  parent_order_id, replaces_order_id, symbol, side, position_side, reduce_only, position_id, origin,
  ingest_via, status, venue_status, order_type, trigger, size, created_at, updated_at, recorded_at)
  ON order_events TO sql_reader;
GRANT SELECT (order_id, receipt, fill_id, venue, account, ingest_via, message_id, venue_order_id, bot_id,
  client_order_id, key_is_ours, parent_order_id, replaces_order_id, position_side, reduce_only,
  position_id, origin, liquidity, executed_at, received_at) ON fill_receipts TO sql_reader;
GRANT SELECT (bot_id, client_order_id, meaning, key_is_ours, snapshot_id, venue, account, strategy, arm,
  propensity, run_id, symbol, side, trigger_type, buy_score, sell_score, indicators_fired,
  indicator_breakdown, price, quantity, notional, order_type, take_profit, stop_loss, origin,
  signalled_at, bar_time, parent_client_order_id, disposition, guardrail, received_at, recorded_at)
  ON strategy_signals TO sql_reader;

REVOKE EXECUTE ON FUNCTION valid_pattern(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION valid_pattern(text) TO recorder, reader, sql_reader;

GRANT SELECT, INSERT ON conversion_rates, trading_rules TO recorder;
GRANT SELECT, INSERT, UPDATE, DELETE ON lot_books, episodes, fifo_open_lots, fifo_unmatched_exits TO recorder;
GRANT SELECT, UPDATE ON lot_progress TO recorder;
GRANT SELECT ON lot_orders, lot_owners, lot_decisions, closed_lots, open_lots, unmatched_exits,
  episode_results, lots_as_of TO recorder;
GRANT SELECT ON conversion_rates, trading_rules, lot_books, lot_progress, episodes, fifo_open_lots,
  fifo_unmatched_exits, lot_orders, lot_owners, lot_decisions, closed_lots, open_lots, unmatched_exits,
  episode_results, lots_as_of TO reader, sql_reader;
REVOKE EXECUTE ON FUNCTION lot_book(text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lot_book(text, text, text, text, text, text) TO recorder, reader, sql_reader;

GRANT SELECT, INSERT ON trials TO recorder;
GRANT SELECT ON trials TO reader, sql_reader;

GRANT SELECT, INSERT, UPDATE, DELETE ON rolled_rates TO recorder;
GRANT SELECT ON rolled_rates TO reader, sql_reader;
REVOKE EXECUTE ON FUNCTION rate_bucket(timestamptz), facts_for_rates(),
  linkage_rates(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rate_bucket(timestamptz), facts_for_rates(),
  linkage_rates(timestamptz, timestamptz) TO recorder, reader, sql_reader;

GRANT SELECT ON split_lots TO recorder, reader, sql_reader;

-- What follows from facts: the recorder writes it, and a reader may compare.
GRANT SELECT ON counting_cumulative, order_chunks, order_ancestry, order_parents, described_snapshots,
  derived_activations, activation_changes TO recorder;
GRANT SELECT ON counting_cumulative, order_ancestry, order_parents, described_snapshots, derived_activations
  TO sql_reader;
REVOKE EXECUTE ON FUNCTION status_bit(text), channel_rank(text), known_origin(text), max_signal_lag(),
  derive_orders(text[], boolean), resolve_links(text[]), rates_by_bucket(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION status_bit(text), channel_rank(text), known_origin(text), max_signal_lag(),
  derive_orders(text[], boolean), resolve_links(text[]), rates_by_bucket(timestamptz, timestamptz)
  TO recorder, reader;
REVOKE EXECUTE ON FUNCTION fill_economics, fill_receipt FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fill_economics, fill_receipt TO recorder, reader;

GRANT SELECT ON observed_episodes, order_details TO recorder, sql_reader;
REVOKE EXECUTE ON FUNCTION late_orders(timestamptz, timestamptz), orders_of_signal(text, text),
  signal_rates(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION late_orders(timestamptz, timestamptz), orders_of_signal(text, text),
  signal_rates(timestamptz, timestamptz) TO recorder, reader, sql_reader;
