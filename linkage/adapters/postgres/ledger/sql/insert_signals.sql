-- A batch's signals, as one JSON array, and the snapshots that they name.
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(facts)s::json) AS fact (
    bot_id text, client_order_id text, meaning text, key_is_ours boolean, snapshot_id uuid, venue text,
    account text, strategy text, arm text, propensity numeric, run_id uuid, symbol text, side text,
    trigger_type text, buy_score numeric, sell_score numeric, indicators_fired text[],
    indicator_breakdown jsonb, price numeric, quantity numeric, notional numeric, order_type text,
    take_profit numeric, stop_loss numeric, origin text, signalled_at timestamptz, bar_time timestamptz,
    parent_client_order_id text, disposition text, guardrail text, extra jsonb, received_at timestamptz
  )
), named_snapshots AS (
  INSERT INTO strategy_snapshots (snapshot_id)
  SELECT DISTINCT snapshot_id FROM incoming WHERE snapshot_id IS NOT NULL ORDER BY snapshot_id
  ON CONFLICT DO NOTHING
), new_signals AS (
  INSERT INTO strategy_signals (bot_id, client_order_id, meaning, key_is_ours, snapshot_id, venue, account,
                                strategy, arm, propensity, run_id, symbol, side, trigger_type, buy_score,
                                sell_score, indicators_fired, indicator_breakdown, price, quantity, notional,
                                order_type, take_profit, stop_loss, origin, signalled_at, bar_time,
                                parent_client_order_id, disposition, guardrail, extra, received_at)
  SELECT bot_id, client_order_id, meaning, coalesce(key_is_ours, false), snapshot_id, venue, account,
         strategy, coalesce(arm, 'main'), propensity, run_id, symbol, side, trigger_type, buy_score,
         sell_score, indicators_fired, indicator_breakdown, price, quantity, notional, order_type,
         take_profit, stop_loss, origin, signalled_at, bar_time, parent_client_order_id,
         coalesce(disposition, 'sent'), guardrail, extra, received_at
  FROM incoming ORDER BY client_order_id, bot_id, meaning
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT (SELECT count(*) FROM new_signals) AS new_facts,
       (SELECT array_agg(bot_id ORDER BY client_order_id, bot_id) FROM incoming) AS bot_ids,
       (SELECT array_agg(client_order_id ORDER BY client_order_id, bot_id) FROM incoming) AS client_order_ids
