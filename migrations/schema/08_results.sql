-- What people look at: lots, open positions, exits without an entry, episodes.

-- A bot may name a book that it shares with others; then the book's owner is that name.
CREATE VIEW lot_owners AS
SELECT owner, CASE WHEN min(mode) = max(mode) THEN min(mode) END AS mode
FROM (SELECT bot_id AS owner, mode FROM current_bots
      UNION ALL SELECT book, mode FROM current_bots WHERE book IS NOT NULL) named
GROUP BY owner;

CREATE VIEW lot_decisions AS
SELECT link.order_id, link.bot_id, link.snapshot_id, link.arm, link.method, link.signalled_at,
       link.signal_price, link.buy_score, link.sell_score, link.trigger_type, snapshot.label,
       snapshot.params_hash, snapshot.strategy, snapshot.code_version, signal.stop_loss, signal.take_profit,
       signal.run_id, signal.bar_time, signal.propensity
FROM trade_strategy_link link
JOIN strategy_snapshots snapshot USING (snapshot_id)
LEFT JOIN strategy_signals signal ON signal.client_order_id = link.client_order_id
  AND signal.bot_id = link.bot_id AND signal.meaning = link.meaning;

CREATE VIEW closed_lots AS
SELECT a.allocation_id, a.episode_id, a.book, b.owner AS bot_id, bot.mode, b.venue, b.account, a.symbol,
       a.side, a.kind, a.matched_by, a.entry_order_id, a.exit_order_id, a.opened_at, a.closed_at,
       a.closed_at - a.opened_at AS holding_time, a.quantity, b.quantity_unit, a.quote_currency,
       a.entry_price, a.exit_price, a.entry_value, a.exit_value, a.entry_fee, a.exit_fee,
       a.entry_fee + a.exit_fee AS fees, a.gross_pnl, a.net_pnl, a.average_net_pnl,
       round(a.net_pnl / nullif(a.entry_value, 0), 18) AS unit_return,
       abs(a.entry_price - i.stop_loss) * a.quantity AS initial_risk,
       round(a.net_pnl / nullif(abs(a.entry_price - i.stop_loss) * a.quantity, 0), 18) AS r_multiple,
       NOT EXISTS (SELECT FROM unnest(a.missing) m WHERE starts_with(m, 'fee')) AS fees_complete, a.missing,
       a.sources,
       i.snapshot_id, i.label, i.params_hash, i.code_version, i.strategy, i.arm, i.run_id, i.bar_time,
       i.propensity, coalesce(i.trigger_type, entry.trigger_type) AS entry_trigger,
       CASE a.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END AS entry_score,
       floor(2 * CASE a.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END) / 2 AS score_bucket,
       i.buy_score, i.sell_score, i.signalled_at, i.signal_price, i.stop_loss, i.take_profit,
       a.opened_at - i.signalled_at AS entry_delay,
       round(CASE a.side WHEN 'long' THEN 1 ELSE -1 END * (a.entry_price - i.signal_price)
             / nullif(i.signal_price, 0), 18) AS entry_slippage,
       CASE a.kind WHEN 'dust' THEN 'dust' ELSE coalesce(o.trigger_type, exit.trigger_type) END AS exit_kind,
       o.signalled_at AS exit_signalled_at, o.signal_price AS exit_signal_price,
       a.closed_at - o.signalled_at AS exit_delay,
       round(CASE a.side WHEN 'long' THEN -1 ELSE 1 END * (a.exit_price - o.signal_price)
             / nullif(o.signal_price, 0), 18) AS exit_slippage,
       o.snapshot_id AS exit_snapshot_id, o.label AS exit_label,
       coalesce(i.snapshot_id <> o.snapshot_id, false) AS mixed
FROM fifo_allocations a
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN trade_records entry ON entry.order_id = a.entry_order_id
LEFT JOIN trade_records exit ON exit.order_id = a.exit_order_id
LEFT JOIN lot_decisions i ON i.order_id = a.entry_order_id
LEFT JOIN lot_decisions o ON o.order_id = a.exit_order_id AND o.method <> 'parent';

-- What is open, at the latest price that is known: a reported rate, or the book's last trade.
CREATE VIEW open_lots AS
SELECT l.episode_id, l.book, b.owner AS bot_id, bot.mode, b.venue, b.account, l.symbol, l.side,
       l.order_id AS entry_order_id, l.opened_at, now() - l.opened_at AS age, l.quantity, l.entered_quantity,
       b.quantity_unit, l.quote_currency, l.price AS entry_price, l.value AS entry_value, l.fee AS entry_fee,
       mark.price AS mark_price, mark.at AS marked_at, mark.source AS mark_source,
       CASE WHEN NOT l.missing && ARRAY['price', 'contract_size']
            THEN CASE l.side WHEN 'long' THEN 1 ELSE -1 END * (mark.price * l.quantity - l.value) - l.fee
       END AS open_pnl,
       NOT EXISTS (SELECT FROM unnest(l.missing) m WHERE starts_with(m, 'fee')) AS fees_complete, l.missing,
       l.sources,
       i.snapshot_id, i.label, i.params_hash, i.code_version, i.strategy, i.arm, i.run_id, i.bar_time,
       i.propensity, coalesce(i.trigger_type, entry.trigger_type) AS entry_trigger,
       CASE l.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END AS entry_score,
       floor(2 * CASE l.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END) / 2 AS score_bucket,
       i.buy_score, i.sell_score, i.signalled_at, i.signal_price, i.stop_loss, i.take_profit,
       l.opened_at - i.signalled_at AS entry_delay,
       round(CASE l.side WHEN 'long' THEN 1 ELSE -1 END * (l.price - i.signal_price)
             / nullif(i.signal_price, 0), 18) AS entry_slippage
FROM fifo_open_lots l
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN trade_records entry ON entry.order_id = l.order_id
LEFT JOIN lot_decisions i ON i.order_id = l.order_id
LEFT JOIN LATERAL (
  SELECT price, at, source FROM (
    (SELECT price, minute AS at, source FROM conversion_rates
     WHERE base_currency = b.base_currency AND quote_currency = b.quote_currency
     ORDER BY minute DESC, source LIMIT 1)
    UNION ALL
    SELECT b.last_price, b.last_executed_at, 'last trade' WHERE b.last_price IS NOT NULL
  ) known ORDER BY at DESC LIMIT 1
) mark ON true;

CREATE VIEW unmatched_exits AS
SELECT u.book, b.owner AS bot_id, bot.mode, b.venue, b.account, u.symbol, u.order_id, u.side, u.executed_at,
       u.quantity, b.quantity_unit, u.quote_currency, u.price, u.value, u.fee, u.missing, u.sources,
       u.parent_order_id, coalesce(d.trigger_type, t.trigger_type) AS exit_kind, d.snapshot_id, d.label,
       d.strategy, d.arm
FROM fifo_unmatched_exits u
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN trade_records t ON t.order_id = u.order_id
LEFT JOIN lot_decisions d ON d.order_id = u.order_id;

-- One row per episode, the unit in which results are counted. It belongs to the set of its first entry;
-- "mixed" says that entries or exits of other sets took part.
CREATE VIEW episode_results AS
SELECT e.episode_id, e.book, b.owner AS bot_id, bot.mode, b.venue, b.account, e.symbol, e.side, e.opened_at,
       e.closed_at, coalesce(e.closed_at, now()) - e.opened_at AS holding_time, e.entries, e.exits,
       e.entered_quantity, b.quantity_unit, e.quote_currency, e.entry_value, e.exit_value, e.fees,
       e.gross_pnl, e.net_pnl, e.average_net_pnl,
       round(e.net_pnl / nullif(e.entry_value, 0), 18) AS unit_return,
       parts.initial_risk, round(e.net_pnl / nullif(parts.initial_risk, 0), 18) AS r_multiple,
       NOT EXISTS (SELECT FROM unnest(e.missing) m WHERE starts_with(m, 'fee')) AS fees_complete, e.missing,
       e.has_dust, e.entry_order_id, e.exit_order_id, i.snapshot_id, i.label, i.params_hash, i.code_version,
       i.strategy, i.arm, i.run_id, i.bar_time, i.propensity, i.signalled_at, i.signal_price, i.stop_loss,
       e.opened_at - i.signalled_at AS entry_delay,
       coalesce(i.trigger_type, entry.trigger_type) AS entry_trigger,
       CASE e.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END AS entry_score,
       floor(2 * CASE e.side WHEN 'long' THEN i.buy_score ELSE i.sell_score END) / 2 AS score_bucket,
       coalesce(o.trigger_type, exit.trigger_type) AS exit_kind,
       coalesce(parts.mixed, false) AS mixed
FROM episodes e
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN trade_records entry ON entry.order_id = e.entry_order_id
LEFT JOIN trade_records exit ON exit.order_id = e.exit_order_id
LEFT JOIN lot_decisions i ON i.order_id = e.entry_order_id
LEFT JOIN lot_decisions o ON o.order_id = e.exit_order_id AND o.method <> 'parent'
LEFT JOIN LATERAL (
  SELECT bool_or(one.snapshot_id <> i.snapshot_id OR other.snapshot_id <> i.snapshot_id) AS mixed,
         CASE WHEN bool_and(one.stop_loss IS NOT NULL)
              THEN sum(abs(a.entry_price - one.stop_loss) * a.quantity) END AS initial_risk
  FROM fifo_allocations a
  LEFT JOIN lot_decisions one ON one.order_id = a.entry_order_id
  LEFT JOIN trade_strategy_link other ON other.order_id = a.exit_order_id AND other.method <> 'parent'
  WHERE a.episode_id = e.episode_id
) parts ON true;

CREATE VIEW lots_as_of AS SELECT changed_since AS lots_as_of, matched_at FROM lot_progress;

-- What was entered under one parameter set and left under the next belongs to both. The mark is the latest
-- price that was reported or traded at in the hour before the exit's set came into force. Without one, and for
-- sets that were in force together, the lot stays with the set of its entry.
CREATE VIEW split_lots AS
SELECT a.allocation_id, a.episode_id, a.book, a.symbol, a.side, a.quote_currency, a.opened_at, a.closed_at,
       i.snapshot_id AS entry_snapshot_id, o.snapshot_id, o.label, o.params_hash, o.strategy, o.arm,
       began.activated_at AS split_at, mark.price AS mark_price, mark.at AS marked_at,
       mark.source AS mark_source, mark.price * a.quantity AS value_at_split,
       before.pnl AS pnl_before, a.net_pnl - before.pnl AS pnl_after
FROM fifo_allocations a
JOIN lot_books b USING (book)
JOIN lot_decisions i ON i.order_id = a.entry_order_id
JOIN lot_decisions o ON o.order_id = a.exit_order_id AND o.method <> 'parent'
  AND o.snapshot_id <> i.snapshot_id
JOIN LATERAL (
  SELECT activated_at FROM strategy_activations
  WHERE strategy = o.strategy AND arm = coalesce(o.arm, 'main') AND snapshot_id = o.snapshot_id
    AND activated_at < a.closed_at
  ORDER BY activated_at DESC LIMIT 1
) began ON began.activated_at > a.opened_at
JOIN LATERAL (
  SELECT price, at, source FROM (
    (SELECT price, minute AS at, source FROM conversion_rates
     WHERE base_currency = b.base_currency AND quote_currency = b.quote_currency
       AND minute > began.activated_at - INTERVAL '1 hour' AND minute <= began.activated_at
     ORDER BY minute DESC, source LIMIT 1)
    UNION ALL
    (SELECT price, signalled_at, 'signal' FROM strategy_signals
     WHERE symbol = a.symbol AND price > 0
       AND signalled_at > began.activated_at - INTERVAL '1 hour' AND signalled_at <= began.activated_at
     ORDER BY signalled_at DESC, client_order_id LIMIT 1)
    UNION ALL
    (SELECT average_price, order_time, 'last trade' FROM trade_records
     WHERE symbol = a.symbol AND average_price > 0 AND status IN ('filled', 'done')
       AND order_time > began.activated_at - INTERVAL '1 hour' AND order_time <= began.activated_at
     ORDER BY order_time DESC, order_id LIMIT 1)
  ) known ORDER BY at DESC, source LIMIT 1
) mark ON true
CROSS JOIN LATERAL (
  SELECT CASE a.side WHEN 'long' THEN 1 ELSE -1 END * (mark.price * a.quantity - a.entry_value) - a.entry_fee
         AS pnl
) before
WHERE a.kind = 'matched' AND NOT a.missing && ARRAY['price', 'contract_size'];

-- An episode as results are computed from it: what it came to, under which set, and how far its first entry
-- was from the signal's price; positive is a cost. Without episodes of test orders.
CREATE VIEW observed_episodes AS
SELECT e.episode_id, e.bot_id, coalesce(e.mode, 'unknown') AS mode, e.symbol, e.side, e.opened_at,
       e.closed_at, e.quote_currency, e.entry_value, e.net_pnl, e.initial_risk, e.bar_time, e.propensity,
       e.entry_delay, e.fees_complete, e.mixed, e.snapshot_id, e.label, e.params_hash, e.strategy, e.arm,
       e.entry_trigger, e.entry_score, e.exit_kind,
       e.missing && ARRAY['price', 'contract_size'] AS unpriced,
       round(CASE e.side WHEN 'long' THEN 1 ELSE -1 END * (entry.average_price - e.signal_price)
             / nullif(e.signal_price, 0), 18) AS slippage
FROM episode_results e
LEFT JOIN trade_records entry ON entry.order_id = e.entry_order_id
WHERE e.mode IS DISTINCT FROM 'test';

-- An order with what decided it, as reports show it.
CREATE VIEW order_details AS
SELECT tr.order_id, tr.venue, tr.account, tr.client_order_id, tr.symbol, tr.side, tr.status, tr.origin,
       tr.order_time, tr.filled_quantity, tr.average_price, tr.notional, tr.fee, tr.fee_currency,
       link.snapshot_id, snapshot.label AS snapshot_label, link.buy_score, link.sell_score,
       coalesce(link.trigger_type, tr.trigger_type) AS trigger_type, link.method, link.signalled_at,
       link.signal_price
FROM trade_records tr
LEFT JOIN trade_strategy_link link USING (order_id)
LEFT JOIN strategy_snapshots snapshot ON snapshot.snapshot_id = link.snapshot_id;

-- The orders that were first recorded in a window and executed before it; none of before linking began, and
-- no test.
CREATE FUNCTION late_orders(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (order_id text, mode text, disposition text, reason text, bot_id text)
LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
  SELECT d.order_id, coalesce(d.mode, 'unknown'), d.disposition, d.reason, d.bot_id
  FROM order_dispositions d
  WHERE d.executed AND d.first_recorded_at >= from_time AND d.first_recorded_at < to_time
    AND d.order_time < from_time AND d.disposition <> 'before_linkage' AND d.mode IS DISTINCT FROM 'test'
$$;

-- The orders that a signal became: those with its key that no veto keeps from it and no other bot has.
CREATE FUNCTION orders_of_signal(signal_bot text, signal_key text)
RETURNS TABLE (order_id text, filled_quantity numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT tr.order_id, tr.filled_quantity
  FROM trade_records tr
  LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
  LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
  WHERE tr.client_order_id = signal_key AND veto.order_id IS NULL
    AND coalesce(link.bot_id, tr.bot_id, signal_bot) = signal_bot
$$;

-- The signals of a window by mode of their bot, without tests: sent, suppressed, and sent ones that became
-- an order.
CREATE FUNCTION signal_rates(from_time timestamptz, to_time timestamptz)
RETURNS TABLE (mode text, sent bigint, suppressed bigint, with_order bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(bot.mode, 'unknown'),
         count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent'),
         count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'suppressed'),
         count(DISTINCT (s.bot_id, s.client_order_id)) FILTER (WHERE s.disposition = 'sent' AND EXISTS (
           SELECT FROM orders_of_signal(s.bot_id, s.client_order_id)
         ))
  FROM strategy_signals s LEFT JOIN current_bots bot ON bot.bot_id = s.bot_id
  WHERE s.signalled_at >= from_time AND s.signalled_at < to_time AND s.origin IS DISTINCT FROM 'test'
  GROUP BY 1
$$;
