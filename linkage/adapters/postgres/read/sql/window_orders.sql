-- All that a report shows of the orders and signals of a window, each part as a list of objects. A
-- function of the window. The view decides for each order which bot it belongs to; that is most of the
-- work, and done once.
WITH in_window AS MATERIALIZED (
  SELECT order_id, coalesce(mode, 'unknown') AS mode, disposition, reason, bot_id, symbol, side, order_time
  FROM order_dispositions
  WHERE executed AND order_time >= %(start)s AND order_time < %(end)s
), counts AS (
  SELECT mode, disposition, reason,
         -- An external order is nobody's, also on an account on which only one bot trades.
         CASE WHEN disposition <> 'external' THEN in_window.bot_id END AS bot_id,
         count(*) AS orders, count(link.order_id) AS with_link, min(order_time) AS first_at,
         (array_agg(order_id ORDER BY order_time DESC, order_id))[1] AS example
  FROM in_window LEFT JOIN trade_strategy_link link USING (order_id)
  GROUP BY 1, 2, 3, 4
), detailed AS MATERIALIZED (
  SELECT w.mode, w.disposition, w.reason, w.bot_id, details.*
  FROM in_window w JOIN order_details details USING (order_id)
  WHERE w.mode <> 'test'
), linked AS (
  SELECT * FROM detailed WHERE disposition = 'linked'
  ORDER BY order_time DESC, order_id LIMIT %(linked)s
), latest_unlinked AS (
  SELECT * FROM detailed WHERE disposition <> 'linked'
  ORDER BY order_time DESC, order_id LIMIT %(unlinked)s
), unlinked AS (
  -- A hint is a question to a person and never a link: a signal without an order, same symbol and side.
  SELECT unlinked.*, hint.client_order_id AS hint
  FROM latest_unlinked unlinked LEFT JOIN LATERAL (
    SELECT s.client_order_id FROM strategy_signals s
    WHERE unlinked.disposition IN ('lost', 'external') AND s.symbol = unlinked.symbol
      AND s.side = unlinked.side AND s.disposition = 'sent'
      AND s.signalled_at BETWEEN unlinked.order_time - INTERVAL '10 minutes'
                             AND unlinked.order_time + INTERVAL '10 minutes'
      AND NOT EXISTS (SELECT FROM trade_records known WHERE known.client_order_id = s.client_order_id)
    ORDER BY abs(extract(epoch FROM s.signalled_at - unlinked.order_time)), s.client_order_id LIMIT 1
  ) hint ON true
  ORDER BY unlinked.order_time DESC, unlinked.order_id
), orders AS (
  -- As the wire has them: thousands of rows would take longer to be made into models than to be read.
  SELECT order_id, mode, venue, account, bot_id, client_order_id, symbol, side, status, origin, order_time,
         trim_scale(filled_quantity)::text AS filled_quantity,
         trim_scale(average_price)::text AS average_price, trim_scale(notional)::text AS notional,
         trim_scale(fee)::text AS fee, fee_currency, disposition, reason, snapshot_id, snapshot_label,
         trim_scale(buy_score)::text AS buy_score, trim_scale(sell_score)::text AS sell_score, trigger_type,
         method, signalled_at, trim_scale(signal_price)::text AS signal_price, NULL AS hint
  FROM detailed
  ORDER BY order_time DESC, order_id LIMIT %(orders)s
), executions AS (
  SELECT mode, side, count(*) AS orders, count(slippage) AS n_slippage,
         round(avg(slippage), 12) AS slippage_mean,
         round((percentile_cont(0.5) WITHIN GROUP (ORDER BY slippage::float8))::numeric, 12)
           AS slippage_median,
         round(max(slippage), 12) AS slippage_worst, count(delay) AS n_delay,
         round(avg(delay), 6) AS delay_mean_seconds,
         round((percentile_cont(0.5) WITHIN GROUP (ORDER BY delay::float8))::numeric, 6)
           AS delay_median_seconds,
         max(delay) AS delay_worst_seconds
  FROM (
    SELECT w.mode, tr.side, extract(epoch FROM tr.order_time - link.signalled_at) AS delay,
           CASE tr.side WHEN 'buy' THEN 1 ELSE -1 END * (tr.average_price - link.signal_price)
             / nullif(link.signal_price, 0) AS slippage
    FROM in_window w JOIN trade_records tr USING (order_id) JOIN trade_strategy_link link USING (order_id)
    WHERE w.mode <> 'test' AND link.method <> 'parent'
  ) executed
  GROUP BY 1, 2 ORDER BY 1, 2
), latest_prices AS (
  SELECT DISTINCT ON (symbol) symbol, price, at
  FROM (
    SELECT symbol, average_price AS price, order_time AS at FROM trade_records
    WHERE order_time >= %(start)s AND order_time < %(end)s AND status IN ('filled', 'done')
    UNION ALL
    SELECT symbol, price, signalled_at FROM strategy_signals
    WHERE signalled_at >= %(start)s AND signalled_at < %(end)s
  ) known
  WHERE price > 0 ORDER BY symbol, at DESC, price
), decided AS (
  -- A key that several bots use is as many signals.
  SELECT coalesce(bot.mode, 'unknown') AS mode, s.disposition, s.guardrail, s.bot_id, s.client_order_id,
         min(s.symbol) AS symbol, min(s.side) AS side, min(s.price) AS price,
         min(s.signalled_at) AS signalled_at,
         bool_or(became.order_id IS NOT NULL) AS ordered, bool_or(became.filled_quantity > 0) AS filled
  FROM strategy_signals s
  LEFT JOIN current_bots bot ON bot.bot_id = s.bot_id
  LEFT JOIN LATERAL orders_of_signal(s.bot_id, s.client_order_id) became ON s.disposition = 'sent'
  WHERE s.signalled_at >= %(start)s AND s.signalled_at < %(end)s AND s.origin IS DISTINCT FROM 'test'
  GROUP BY 1, 2, 3, 4, 5
), funnel AS (
  -- What was not filled is compared with the last price of its symbol that the period has.
  SELECT mode, disposition, guardrail, count(*) AS signals,
         count(*) FILTER (WHERE ordered) AS ordered, count(*) FILTER (WHERE filled) AS filled,
         count(missed) AS marked, coalesce(sum(missed), 0) AS missed
  FROM (
    SELECT decided.*,
           CASE WHEN disposition = 'sent' AND filled IS NOT TRUE AND latest_prices.at > signalled_at
                THEN round(CASE side WHEN 'buy' THEN 1 ELSE -1 END * (latest_prices.price - decided.price)
                           / nullif(decided.price, 0), 18) END AS missed
    FROM decided LEFT JOIN latest_prices USING (symbol)
  ) compared
  GROUP BY 1, 2, 3
), of_snapshots AS (
  SELECT w.mode, link.snapshot_id, tr.side, tr.order_time, tr.notional, tr.fee, tr.fee_currency, tr.fees,
         coalesce(nullif(split_part(split_part(tr.symbol, ':', 1), '-', 2), ''), '?') AS currency
  FROM in_window w JOIN trade_records tr USING (order_id) JOIN trade_strategy_link link USING (order_id)
), turnover AS (
  -- Values in the currency in which the instrument is quoted, fees in their own; never added up across.
  SELECT mode, snapshot_id, currency, sum(bought) AS bought, sum(sold) AS sold, sum(fees) AS fees
  FROM (
    SELECT mode, snapshot_id, currency, notional * (side = 'buy')::int AS bought,
           notional * (side = 'sell')::int AS sold, 0 AS fees
    FROM of_snapshots WHERE notional IS NOT NULL
    UNION ALL
    SELECT mode, snapshot_id, coalesce(fee_currency, '?'), 0, 0, fee
    FROM of_snapshots WHERE fee IS NOT NULL AND fees IS NULL
    UNION ALL
    SELECT mode, snapshot_id, mixed.key, 0, 0, mixed.value::numeric
    FROM of_snapshots, jsonb_each_text(of_snapshots.fees) mixed
  ) amounts
  GROUP BY 1, 2, 3
), activity AS (
  SELECT mode, snapshot_id, count(*) FILTER (WHERE side = 'buy') AS buys,
         count(*) FILTER (WHERE side = 'sell') AS sells, count(*) FILTER (WHERE notional IS NULL) AS unpriced,
         max(order_time) AS last_order_at
  FROM of_snapshots GROUP BY 1, 2
), snapshots AS (
  SELECT activity.mode, activity.snapshot_id, snapshot.label, snapshot.strategy, snapshot.code_version,
         CASE WHEN length(snapshot.parameters::text) <= %(parameters)s THEN snapshot.parameters END
           AS parameters, count(*) OVER (PARTITION BY activity.mode) AS of_mode, activity.buys,
         activity.sells, activity.unpriced, activity.last_order_at,
         coalesce((SELECT jsonb_agg(jsonb_build_object('currency', currency, 'bought', bought, 'sold', sold,
                                                       'fees', fees) ORDER BY currency)
                   FROM turnover t
                   WHERE (t.mode, t.snapshot_id) = (activity.mode, activity.snapshot_id)), '[]') AS turnover
  FROM activity JOIN strategy_snapshots snapshot USING (snapshot_id)
  ORDER BY activity.buys + activity.sells DESC, activity.mode, activity.snapshot_id LIMIT %(snapshots)s
)
SELECT (SELECT coalesce(json_agg(c), '[]') FROM counts c) AS counts,
       (SELECT coalesce(json_agg(s), '[]') FROM signal_rates(%(start)s, %(end)s) s) AS signals,
       (SELECT coalesce(json_agg(s), '[]') FROM snapshots s) AS snapshots,
       (SELECT coalesce(json_agg(o), '[]') FROM linked o) AS linked,
       (SELECT coalesce(json_agg(o), '[]') FROM unlinked o) AS unlinked,
       (SELECT coalesce(json_agg(o), '[]') FROM orders o) AS orders,
       (SELECT coalesce(json_agg(e), '[]') FROM executions e) AS executions,
       (SELECT coalesce(json_agg(f), '[]') FROM funnel f) AS funnel
