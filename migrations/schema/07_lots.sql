-- Lots: books, what closed what, episodes, what is open, exits without an entry.

CREATE FUNCTION lot_book(owner text, venue text, account text, symbol text, position_side text, unit text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT concat_ws('/', replace(replace(owner, '~', '~0'), '/', '~1'),
                   replace(replace(venue, '~', '~0'), '/', '~1'),
                   replace(replace(account, '~', '~0'), '/', '~1'),
                   replace(replace(symbol, '~', '~0'), '/', '~1'), position_side,
                   CASE WHEN unit = 'contracts' THEN unit END)
$$;

-- An order that names another, or that nobody ever linked, still has to find its book, so that this view
-- decides for every order and not only for executed ones.
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

-- What closed what: each lot of an entry with the exit that took it.
CREATE TABLE fifo_allocations (
  allocation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  book text COLLATE "C" NOT NULL,
  episode_id uuid,
  symbol text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('long', 'short')),
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('matched', 'dust', 'residue')),
  matched_by text COLLATE "C" CHECK (matched_by IN ('parent', 'position', 'fifo')),
  entry_order_id text COLLATE "C" NOT NULL,
  entry_execution_id text COLLATE "C" NOT NULL,
  exit_order_id text COLLATE "C" NOT NULL,
  exit_execution_id text COLLATE "C" NOT NULL,
  quantity numeric NOT NULL CHECK (CASE kind WHEN 'residue' THEN quantity = 0 ELSE quantity > 0 END),
  quote_currency text COLLATE "C" NOT NULL,
  entry_price numeric,
  exit_price numeric,
  entry_value numeric NOT NULL,
  exit_value numeric NOT NULL,
  entry_fee numeric NOT NULL,
  exit_fee numeric NOT NULL,
  gross_pnl numeric,
  net_pnl numeric,
  average_net_pnl numeric,
  missing text[] NOT NULL,
  sources text[] NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz NOT NULL,
  allocated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX fifo_allocations_entry ON fifo_allocations (entry_order_id);
CREATE INDEX fifo_allocations_exit ON fifo_allocations (exit_order_id);
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
