"""Lots: what closed what, episodes, what is open, exits without an entry, and what people look at."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# An order that names another, or that nobody ever linked, still has to find its book, so that this view
# decides for every order and not only for executed ones.
ORDERS = r"""
CREATE FUNCTION lot_book(owner text, venue text, account text, symbol text, position_side text, unit text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT concat_ws('/', replace(replace(owner, '~', '~0'), '/', '~1'),
                   replace(replace(venue, '~', '~0'), '/', '~1'),
                   replace(replace(account, '~', '~0'), '/', '~1'),
                   replace(replace(symbol, '~', '~0'), '/', '~1'), position_side,
                   CASE WHEN unit = 'contracts' THEN unit END)
$$;

CREATE VIEW lot_orders AS
SELECT order_id, lot_book(owner, venue, account, symbol, book_side, unit) COLLATE "C" AS book, owner, venue,
       account, symbol, book_side AS position_side, unit AS quantity_unit,
       CASE WHEN symbol ~ '^[^-:]+-[^-:]+(:[^-:]+)?$' THEN split_part(split_part(symbol, ':', 1), '-', 1)
            ELSE '' END AS base_currency,
       CASE WHEN symbol ~ '^[^-:]+-[^-:]+(:[^-:]+)?$' THEN split_part(split_part(symbol, ':', 1), '-', 2)
            ELSE '' END AS quote_currency
FROM (
  SELECT d.order_id, d.venue, d.account, d.symbol,
         CASE WHEN keeper.bot_id IS NOT NULL THEN coalesce(keeper.book, keeper.bot_id)
              WHEN link.bot_id IS NOT NULL THEN link.bot_id
              ELSE 'external' END AS owner,
         CASE WHEN t.position_side IS NOT NULL THEN t.position_side
              WHEN strpos(t.symbol, ':') > 0 THEN 'net'
              ELSE 'long' END AS book_side,
         CASE t.quantity_unit WHEN 'contracts' THEN 'contracts' ELSE 'base' END AS unit
  FROM order_dispositions d
  JOIN trade_records t USING (order_id)
  LEFT JOIN trade_strategy_link link USING (order_id)
  LEFT JOIN current_bots claimed ON claimed.bot_id = d.bot_id
  LEFT JOIN current_bots keeper ON keeper.bot_id = d.bot_id
    AND (link.order_id IS NOT NULL OR d.expected OR claimed.expects_signals = 'no')
  WHERE t.status <> 'test'
) owned;
"""

TABLES = """
-- Facts that lots need beside fills: what a currency was worth during a minute, and what a venue lets one
-- trade. Of several sources of a minute the first by name counts, of several rules the latest.
CREATE TABLE conversion_rates (
  base_currency text COLLATE "C" NOT NULL,
  quote_currency text COLLATE "C" NOT NULL,
  minute timestamptz NOT NULL CHECK (extract(second FROM minute) = 0),
  source text COLLATE "C" NOT NULL,
  price numeric NOT NULL CHECK (price > 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (base_currency, quote_currency, minute, source)
);

CREATE TABLE trading_rules (
  venue text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  told_at timestamptz NOT NULL,
  quantity_step numeric NOT NULL CHECK (quantity_step >= 0),
  minimum_notional numeric CHECK (minimum_notional >= 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (venue, symbol, told_at)
);

-- Derived: one row per book, with what it needs to be matched on from where it is.
CREATE TABLE lot_books (
  book text COLLATE "C" PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  position_side text COLLATE "C" NOT NULL CHECK (position_side IN ('long', 'short', 'net')),
  quantity_unit text COLLATE "C" NOT NULL CHECK (quantity_unit IN ('base', 'contracts')),
  base_currency text COLLATE "C" NOT NULL,
  quote_currency text COLLATE "C" NOT NULL,
  last_executed_at timestamptz NOT NULL,
  last_price numeric,
  average_cash numeric NOT NULL,
  matched_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How far the changes of orders have been turned into lots.
CREATE TABLE lot_progress (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  changed_since timestamptz NOT NULL,
  after_order_id text COLLATE "C" NOT NULL DEFAULT '',
  matched_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO lot_progress (changed_since) VALUES ('-infinity');

ALTER TABLE fifo_allocations
  ADD COLUMN kind text COLLATE "C" NOT NULL CHECK (kind IN ('matched', 'dust', 'residue')),
  ADD COLUMN matched_by text COLLATE "C" CHECK (matched_by IN ('parent', 'position', 'fifo')),
  ADD COLUMN side text COLLATE "C" NOT NULL CHECK (side IN ('long', 'short')),
  ADD COLUMN entry_execution_id text COLLATE "C" NOT NULL,
  ADD COLUMN exit_execution_id text COLLATE "C" NOT NULL,
  ADD COLUMN entry_value numeric NOT NULL,
  ADD COLUMN exit_value numeric NOT NULL,
  ADD COLUMN gross_pnl numeric,
  ADD COLUMN net_pnl numeric,
  ADD COLUMN average_net_pnl numeric,
  ADD COLUMN missing text[] NOT NULL,
  ADD COLUMN sources text[] NOT NULL,
  ADD COLUMN episode_id uuid,
  ALTER COLUMN entry_price DROP NOT NULL,
  ALTER COLUMN exit_price DROP NOT NULL,
  ALTER COLUMN entry_fee SET NOT NULL,
  ALTER COLUMN exit_fee SET NOT NULL,
  DROP CONSTRAINT fifo_allocations_quantity_check,
  ADD CONSTRAINT fifo_allocations_quantity_check
    CHECK (CASE kind WHEN 'residue' THEN quantity = 0 ELSE quantity > 0 END);
CREATE INDEX fifo_allocations_book ON fifo_allocations (book, closed_at);
CREATE INDEX fifo_allocations_closed_at ON fifo_allocations (closed_at);
CREATE INDEX fifo_allocations_episode ON fifo_allocations (episode_id);

CREATE TABLE episodes (
  episode_id uuid PRIMARY KEY,
  book text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  quote_currency text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('long', 'short')),
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  entry_order_id text COLLATE "C" NOT NULL,
  entry_execution_id text COLLATE "C" NOT NULL,
  exit_order_id text COLLATE "C",
  entries integer NOT NULL,
  exits integer NOT NULL,
  entered_quantity numeric NOT NULL,
  entry_value numeric NOT NULL,
  exit_value numeric NOT NULL,
  fees numeric NOT NULL,
  gross_pnl numeric,
  net_pnl numeric,
  average_net_pnl numeric,
  missing text[] NOT NULL,
  has_dust boolean NOT NULL,
  is_boundary boolean NOT NULL
);
CREATE INDEX episodes_book ON episodes (book, closed_at);
CREATE INDEX episodes_closed_at ON episodes (closed_at);

CREATE TABLE fifo_open_lots (
  book text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  place integer NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  quote_currency text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('long', 'short')),
  opened_at timestamptz NOT NULL,
  quantity numeric NOT NULL CHECK (quantity > 0),
  entered_quantity numeric NOT NULL,
  price numeric,
  value numeric NOT NULL,
  fee numeric NOT NULL,
  missing text[] NOT NULL,
  sources text[] NOT NULL,
  position_id text COLLATE "C",
  episode_id uuid NOT NULL,
  PRIMARY KEY (book, order_id, execution_id)
);
CREATE INDEX fifo_open_lots_order ON fifo_open_lots (order_id);

CREATE TABLE fifo_unmatched_exits (
  book text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  execution_id text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  quote_currency text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  executed_at timestamptz NOT NULL,
  quantity numeric NOT NULL CHECK (quantity > 0),
  price numeric,
  value numeric NOT NULL,
  fee numeric NOT NULL,
  missing text[] NOT NULL,
  sources text[] NOT NULL,
  parent_order_id text COLLATE "C",
  PRIMARY KEY (book, order_id, execution_id)
);
CREATE INDEX fifo_unmatched_exits_order ON fifo_unmatched_exits (order_id);
CREATE INDEX fifo_unmatched_exits_executed_at ON fifo_unmatched_exits (executed_at);

-- The sweep looks for what changed. A block range index costs a write next to nothing and does not keep
-- an update from staying in its page.
CREATE INDEX trade_records_updated_at ON trade_records USING brin (updated_at)
  WITH (autosummarize = on, pages_per_range = 32);
CREATE INDEX trade_strategy_link_linked_at ON trade_strategy_link USING brin (linked_at)
  WITH (autosummarize = on, pages_per_range = 32);
"""

VIEWS = """
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

-- What is open, at the latest price that is known: a rate that somebody told, or the book's last trade.
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
"""

GRANTS = """
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
"""


def upgrade() -> None:
    """Create everything; fifo_allocations was there before, and empty."""
    for script in (ORDERS, TABLES, VIEWS, GRANTS):
        op.get_bind().exec_driver_sql(script)
