-- Facts: append-only, each once, in any order. Everything else is a function of them.
-- Identifiers are compared byte by byte everywhere: "the least key" must not depend on a server's locale.

CREATE TABLE strategy_signals (
  bot_id text COLLATE "C" NOT NULL,
  client_order_id text COLLATE "C" NOT NULL,
  meaning text COLLATE "C" NOT NULL,
  key_is_ours boolean NOT NULL DEFAULT false,
  snapshot_id uuid,
  venue text COLLATE "C",
  account text COLLATE "C",
  strategy text COLLATE "C",
  arm text COLLATE "C" NOT NULL DEFAULT 'main',
  propensity numeric,
  run_id uuid,
  symbol text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  trigger_type text COLLATE "C",
  buy_score numeric,
  sell_score numeric,
  indicators_fired text[],
  indicator_breakdown jsonb,
  price numeric,
  quantity numeric,
  notional numeric,
  order_type text COLLATE "C",
  take_profit numeric,
  stop_loss numeric,
  origin text COLLATE "C",
  signalled_at timestamptz NOT NULL,
  bar_time timestamptz,
  parent_client_order_id text COLLATE "C",
  disposition text COLLATE "C" NOT NULL CHECK (disposition IN ('sent', 'suppressed')),
  guardrail text COLLATE "C",
  extra jsonb,
  received_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (client_order_id, bot_id, meaning)
);
CREATE INDEX strategy_signals_signalled_at ON strategy_signals (signalled_at);
-- A bot that comes to an account is found in its signals; ours are found by their keys alone.
CREATE INDEX strategy_signals_bot ON strategy_signals (bot_id) WHERE NOT key_is_ours;

CREATE TABLE order_events (
  order_id text COLLATE "C" NOT NULL,
  event_hash text COLLATE "C" NOT NULL,
  venue_order_id text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  bot_id text COLLATE "C",
  client_order_id text COLLATE "C",
  key_is_ours boolean NOT NULL DEFAULT false,
  parent_order_id text COLLATE "C",
  replaces_order_id text COLLATE "C",
  symbol text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  position_side text COLLATE "C",
  reduce_only boolean,
  position_id text COLLATE "C",
  origin text COLLATE "C",
  ingest_via text COLLATE "C" NOT NULL,
  -- Null where only ids were reported: that makes an order neither open nor ended.
  status text COLLATE "C"
    CHECK (status IN ('open', 'filled', 'done', 'cancelled', 'rejected', 'expired')),
  venue_status text COLLATE "C",
  order_type text COLLATE "C",
  trigger text COLLATE "C",
  size numeric,
  created_at timestamptz,
  updated_at timestamptz,
  raw json,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (order_id, event_hash)
);

-- What was executed. The same fill reported twice with other numbers is two rows; the greatest counts.
CREATE TABLE fills (
  order_id text COLLATE "C" NOT NULL,
  fill_id text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  economics bigint NOT NULL,
  kind text COLLATE "C" NOT NULL
    CHECK (kind IN ('FILL', 'REVERSAL', 'CORRECTION', 'SYNTHETIC', 'CUMULATIVE')),
  refers_to text COLLATE "C",
  symbol text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  price numeric,
  quantity numeric,
  quantity_unit text COLLATE "C" NOT NULL CHECK (quantity_unit IN ('base', 'quote', 'contracts')),
  fee numeric,
  fee_currency text COLLATE "C",
  executed_at timestamptz NOT NULL,
  cumulative_quantity numeric,
  average_price numeric,
  total_fees numeric,
  status text COLLATE "C",
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (order_id, fill_id, venue, account, economics),
  CHECK (CASE kind WHEN 'CUMULATIVE' THEN cumulative_quantity IS NOT NULL
         ELSE price IS NOT NULL AND quantity IS NOT NULL END)
);

-- How a fill reached us, and what that delivery claimed beside the numbers.
CREATE TABLE fill_receipts (
  order_id text COLLATE "C" NOT NULL,
  receipt bigint NOT NULL,
  fill_id text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  ingest_via text COLLATE "C" NOT NULL,
  message_id text COLLATE "C",
  venue_order_id text COLLATE "C" NOT NULL,
  bot_id text COLLATE "C",
  client_order_id text COLLATE "C",
  key_is_ours boolean NOT NULL DEFAULT false,
  parent_order_id text COLLATE "C",
  replaces_order_id text COLLATE "C",
  position_side text COLLATE "C",
  reduce_only boolean,
  position_id text COLLATE "C",
  origin text COLLATE "C",
  liquidity text COLLATE "C",
  executed_at timestamptz NOT NULL,
  raw json,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (order_id, receipt)
);

CREATE TABLE snapshot_descriptions (
  snapshot_id uuid NOT NULL,
  config_hash text COLLATE "C" NOT NULL,
  bot_id text COLLATE "C",
  params_hash text COLLATE "C",
  strategy text COLLATE "C",
  code_version text COLLATE "C",
  label text,
  parameters jsonb NOT NULL,
  described_at timestamptz,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (snapshot_id, config_hash)
);

CREATE TABLE strategy_runs (
  run_id uuid PRIMARY KEY,
  bot_id text COLLATE "C" NOT NULL,
  strategy text COLLATE "C" NOT NULL,
  arm text COLLATE "C" NOT NULL DEFAULT 'main',
  snapshot_id uuid NOT NULL,
  scheduled_at timestamptz NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  symbols_seen integer NOT NULL,
  symbols_skipped jsonb NOT NULL DEFAULT '{}',
  signals_sent integer NOT NULL,
  signals_repeated integer NOT NULL DEFAULT 0,
  signals_suppressed jsonb NOT NULL DEFAULT '{}',
  -- Every arm of the run, so that an arm that is gone has its activation closed.
  arms text[] COLLATE "C",
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX strategy_runs_in_order ON strategy_runs (strategy, arm, scheduled_at, run_id)
  INCLUDE (snapshot_id);
CREATE INDEX strategy_runs_moments ON strategy_runs (strategy, scheduled_at);
CREATE INDEX strategy_runs_scheduled_at ON strategy_runs (scheduled_at);

CREATE TABLE bots (
  bot_id text COLLATE "C" NOT NULL,
  updated_at timestamptz NOT NULL,
  source text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  mode text COLLATE "C" NOT NULL CHECK (mode IN ('live', 'paper', 'test')),
  expects_signals text COLLATE "C" NOT NULL CHECK (expects_signals IN ('yes', 'no', 'mixed')),
  client_id_pattern text,
  book text COLLATE "C",
  linked_since timestamptz NOT NULL,
  time_zone text,
  removed boolean NOT NULL DEFAULT false,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (bot_id, updated_at)
);

CREATE TABLE switch_intervals (
  changed_at timestamptz PRIMARY KEY,
  enabled boolean NOT NULL,
  changed_by text,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

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
  reported_at timestamptz NOT NULL,
  quantity_step numeric NOT NULL CHECK (quantity_step >= 0),
  minimum_notional numeric CHECK (minimum_notional >= 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (venue, symbol, reported_at)
);

-- Every parameter set that was tried on candles of the past, so that none of them is forgotten.
CREATE TABLE trials (
  strategy text COLLATE "C" NOT NULL,
  params_hash text COLLATE "C" NOT NULL,
  config_hash text COLLATE "C" NOT NULL,
  data_hash text COLLATE "C" NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  label text,
  result jsonb NOT NULL,
  tried_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (strategy, params_hash, data_hash, period_start, period_end),
  CHECK (period_start < period_end)
);
