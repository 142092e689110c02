"""The ledger: facts, what follows from them, what is kept aside, and who may do what."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

# Identifiers are compared byte by byte everywhere: "the least key" must not depend on a server's locale.
FACTS = """
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
  -- Null where only ids were told: that makes an order neither open nor ended.
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

-- What was executed. The same fill told twice with other numbers is two rows; the greatest counts.
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
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX strategy_runs_in_order ON strategy_runs (strategy, arm, scheduled_at, run_id)
  INCLUDE (snapshot_id);

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
"""

DERIVED = """
-- The columns are functions of the order's facts and its link; linkage/adapters/postgres/ledger/orders.py
-- has them. Pages keep room, so that a second fill rarely moves its order.
CREATE TABLE trade_records (
  order_id text COLLATE "C" PRIMARY KEY,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  venue_order_id text COLLATE "C" NOT NULL,
  bot_id text COLLATE "C",
  client_order_id text COLLATE "C",
  key_is_ours boolean NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  side text COLLATE "C" NOT NULL,
  position_side text COLLATE "C",
  reduce_only boolean,
  position_id text COLLATE "C",
  status text COLLATE "C" NOT NULL,
  venue_status text COLLATE "C",
  order_type text COLLATE "C",
  trigger_type text COLLATE "C",
  origin text COLLATE "C",
  ingest_via text COLLATE "C" NOT NULL,
  size numeric,
  filled_quantity numeric NOT NULL,
  quantity_unit text COLLATE "C" NOT NULL,
  average_price numeric,
  notional numeric,
  fee numeric,
  fee_currency text COLLATE "C",
  fees jsonb,
  order_time timestamptz,
  placed_at timestamptz,
  ended_at timestamptz,
  parent_order_id text COLLATE "C",
  replaces_order_id text COLLATE "C",
  fill_count integer NOT NULL,
  event_count integer NOT NULL,
  first_recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 85);
CREATE INDEX trade_records_order_time ON trade_records (order_time);
CREATE INDEX trade_records_first_recorded_at ON trade_records USING brin (first_recorded_at)
  WITH (autosummarize = on, pages_per_range = 32);
CREATE INDEX trade_records_key ON trade_records (client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX trade_records_parent ON trade_records (parent_order_id) WHERE parent_order_id IS NOT NULL;
CREATE INDEX trade_records_replaces ON trade_records (replaces_order_id) WHERE replaces_order_id IS NOT NULL;

CREATE TABLE strategy_snapshots (
  snapshot_id uuid PRIMARY KEY,
  config_hash text COLLATE "C",
  params_hash text COLLATE "C",
  bot_id text COLLATE "C",
  strategy text COLLATE "C",
  code_version text COLLATE "C",
  label text,
  parameters jsonb,
  described_at timestamptz,
  first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE trade_strategy_link (
  order_id text COLLATE "C" PRIMARY KEY REFERENCES trade_records (order_id),
  bot_id text COLLATE "C" NOT NULL,
  client_order_id text COLLATE "C" NOT NULL,
  meaning text COLLATE "C" NOT NULL,
  snapshot_id uuid NOT NULL REFERENCES strategy_snapshots (snapshot_id),
  buy_score numeric,
  sell_score numeric,
  trigger_type text COLLATE "C",
  indicators_fired text[],
  indicator_breakdown jsonb,
  arm text COLLATE "C",
  origin text COLLATE "C",
  signalled_at timestamptz NOT NULL,
  signal_price numeric,
  method text COLLATE "C" NOT NULL CHECK (method IN ('key', 'replaced', 'parent')),
  linked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX trade_strategy_link_snapshot ON trade_strategy_link (snapshot_id);

CREATE TABLE strategy_activations (
  strategy text COLLATE "C" NOT NULL,
  arm text COLLATE "C" NOT NULL,
  activated_at timestamptz NOT NULL,
  snapshot_id uuid NOT NULL REFERENCES strategy_snapshots (snapshot_id),
  deactivated_at timestamptz,
  PRIMARY KEY (strategy, arm, activated_at),
  CHECK (deactivated_at IS NULL OR deactivated_at > activated_at)
);
CREATE UNIQUE INDEX strategy_activations_one_open ON strategy_activations (strategy, arm)
  WHERE deactivated_at IS NULL;

CREATE TABLE fifo_allocations (
  allocation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  book text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  entry_order_id text COLLATE "C" NOT NULL,
  exit_order_id text COLLATE "C" NOT NULL,
  quantity numeric NOT NULL CHECK (quantity > 0),
  entry_price numeric NOT NULL,
  exit_price numeric NOT NULL,
  entry_fee numeric,
  exit_fee numeric,
  quote_currency text COLLATE "C" NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz NOT NULL,
  allocated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX fifo_allocations_entry ON fifo_allocations (entry_order_id);
CREATE INDEX fifo_allocations_exit ON fifo_allocations (exit_order_id);

-- Why a key that fits made no link: the symbol, the side, an earlier use, or a second signal stand in the
-- way, or the signal names no snapshot.
CREATE TABLE link_vetoes (
  order_id text COLLATE "C" PRIMARY KEY REFERENCES trade_records (order_id),
  client_order_id text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL CHECK (reason IN ('symbol', 'side', 'reused', 'ambiguous', 'no_snapshot')),
  found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

ASIDE = """
CREATE TABLE trade_strategy_link_history (
  history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id text COLLATE "C" NOT NULL,
  bot_id text COLLATE "C" NOT NULL,
  client_order_id text COLLATE "C" NOT NULL,
  snapshot_id uuid NOT NULL,
  buy_score numeric,
  sell_score numeric,
  trigger_type text COLLATE "C",
  indicators_fired text[],
  indicator_breakdown jsonb,
  arm text COLLATE "C",
  signalled_at timestamptz NOT NULL,
  signal_price numeric,
  method text COLLATE "C" NOT NULL,
  linked_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_snapshot_id uuid
);
CREATE INDEX trade_strategy_link_history_order ON trade_strategy_link_history (order_id);

CREATE TABLE fill_conflicts (
  order_id text COLLATE "C" NOT NULL,
  fill_id text COLLATE "C" NOT NULL,
  venue text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  versions integer NOT NULL CHECK (versions > 1),
  found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (order_id, fill_id, venue, account)
);

CREATE TABLE quarantine (
  quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest text COLLATE "C" NOT NULL UNIQUE,
  source text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  field text NOT NULL DEFAULT '',
  body text NOT NULL,
  message_id text,
  quarantined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolved_at timestamptz
);
"""

VIEWS = r"""
-- A pattern that somebody mistyped matches nothing; it must not make every report fail.
CREATE FUNCTION matches_pattern(subject text, pattern text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
  RETURN subject ~ pattern;
EXCEPTION WHEN invalid_regular_expression THEN
  RETURN false;
END $$;

CREATE VIEW current_bots AS
SELECT DISTINCT ON (bot_id) bot_id, source, venue, account, mode, expects_signals, client_id_pattern, book,
       linked_since, time_zone, removed, updated_at
FROM bots
ORDER BY bot_id, updated_at DESC;

-- One row per fill: of several versions the greatest.
CREATE VIEW counted_fills AS
SELECT DISTINCT ON (order_id, fill_id, venue, account) *
FROM fills
ORDER BY order_id, fill_id, venue, account,
         coalesce(quantity, cumulative_quantity) DESC, coalesce(price, average_price) DESC NULLS LAST,
         coalesce(fee, total_fees) DESC NULLS LAST, executed_at DESC, economics DESC;

-- Which bot an order belongs to when no link says it: what its events claim, else the pattern of its key,
-- else its account. Several bots on one account that differ count as mixed.
CREATE VIEW order_dispositions AS
WITH account_bots AS (
  SELECT venue, account,
         CASE count(*) WHEN 1 THEN min(bot_id) END AS bot_id,
         CASE WHEN min(expects_signals) = max(expects_signals) THEN min(expects_signals) ELSE 'mixed' END
           AS expects_signals,
         CASE WHEN min(mode) = max(mode) THEN min(mode) END AS mode,
         min(linked_since) AS linked_since
  FROM current_bots WHERE NOT removed
  GROUP BY venue, account
), attributed AS (
  SELECT tr.order_id, tr.symbol, tr.side, tr.order_time, tr.client_order_id, tr.origin, tr.ingest_via,
         tr.status, tr.key_is_ours, tr.first_recorded_at, tr.venue, tr.account,
         tr.status IN ('filled', 'done') AS executed,
         link.order_id IS NOT NULL AS linked, link.snapshot_id,
         veto.reason AS veto,
         coalesce(link.bot_id, own.bot_id, pattern.bot_id, CASE WHEN tr.key_is_ours THEN ours.bot_id END,
                  account_bots.bot_id, tr.bot_id) AS bot_id,
         coalesce(own.mode, pattern.mode, CASE WHEN tr.key_is_ours THEN ours.mode END, account_bots.mode)
           AS mode,
         coalesce(own.linked_since, pattern.linked_since, account_bots.linked_since) AS linked_since,
         coalesce(own.expects_signals, pattern.expects_signals, account_bots.expects_signals) AS expects,
         tr.key_is_ours
           OR coalesce(elder.key_is_ours, false)
           OR coalesce(own.expects_signals, pattern.expects_signals, account_bots.expects_signals) = 'yes'
           OR (pattern.bot_id IS NOT NULL AND pattern.expects_signals = 'mixed') AS expected
  FROM trade_records tr
  LEFT JOIN trade_strategy_link link ON link.order_id = tr.order_id
  LEFT JOIN link_vetoes veto ON veto.order_id = tr.order_id
  LEFT JOIN trade_records elder ON elder.order_id = coalesce(tr.replaces_order_id, tr.parent_order_id)
  LEFT JOIN current_bots own ON own.bot_id = coalesce(link.bot_id, tr.bot_id)
  LEFT JOIN current_bots ours ON ours.bot_id = 'sighook'
  LEFT JOIN LATERAL (
    SELECT bot_id, mode, expects_signals, linked_since FROM current_bots
    WHERE client_id_pattern IS NOT NULL AND NOT removed AND tr.client_order_id IS NOT NULL
      AND venue = tr.venue AND account = tr.account AND matches_pattern(tr.client_order_id, client_id_pattern)
    ORDER BY bot_id LIMIT 1
  ) pattern ON tr.client_order_id IS NOT NULL
  LEFT JOIN account_bots ON account_bots.venue = tr.venue AND account_bots.account = tr.account
)
SELECT order_id, disposition,
       CASE WHEN disposition = 'conflict' THEN veto
            WHEN disposition IN ('lost', 'pending') THEN
              CASE WHEN veto = 'no_snapshot' THEN 'no_snapshot'
                   WHEN client_order_id IS NULL THEN 'no_key'
                   WHEN key_is_ours THEN 'no_signal'
                   ELSE 'unknown_key' END
       END AS reason,
       expected, executed, bot_id, symbol, side, order_time, client_order_id, origin, ingest_via, mode,
       status, venue, account, snapshot_id, first_recorded_at
FROM (
  SELECT attributed.*,
         CASE WHEN NOT executed THEN NULL
              WHEN linked THEN 'linked'
              WHEN veto <> 'no_snapshot' THEN 'conflict'
              WHEN ingest_via = 'import' AND order_time < linked_since THEN 'before_linkage'
              WHEN NOT coalesce(expected, false) THEN
                CASE WHEN expects = 'no' THEN 'unsignalled' ELSE 'external' END
              WHEN (SELECT NOT enabled FROM switch_intervals
                    WHERE changed_at <= attributed.first_recorded_at
                    ORDER BY changed_at DESC LIMIT 1) THEN 'disabled'
              WHEN first_recorded_at > now() - INTERVAL '15 minutes' THEN 'pending'
              ELSE 'lost'
         END AS disposition
  FROM attributed
) judged;

CREATE VIEW linkage_rates_hourly AS
SELECT date_trunc('hour', order_time) AS hour, mode,
       count(*) AS executed,
       count(*) FILTER (WHERE disposition = 'linked') AS linked,
       count(*) FILTER (WHERE disposition = 'pending') AS pending,
       count(*) FILTER (WHERE disposition = 'lost') AS lost,
       count(*) FILTER (WHERE disposition = 'conflict') AS conflict,
       count(*) FILTER (WHERE disposition = 'external') AS external,
       count(*) FILTER (WHERE disposition = 'unsignalled') AS unsignalled,
       count(*) FILTER (WHERE disposition = 'disabled') AS disabled,
       count(*) FILTER (WHERE disposition = 'before_linkage') AS before_linkage,
       round(100.0 * count(*) FILTER (WHERE disposition = 'linked')
             / nullif(count(*) FILTER (WHERE disposition IN ('linked', 'lost', 'conflict')), 0), 1)
         AS expected_linkage_pct,
       round(100.0 * count(*) FILTER (WHERE disposition = 'linked') / count(*), 1) AS executed_linkage_pct
FROM order_dispositions
WHERE executed AND mode IS DISTINCT FROM 'test'
GROUP BY 1, 2;

CREATE VIEW quarantine_summary AS
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at FROM quarantine;
"""

GRANTS = """
GRANT SELECT, INSERT ON strategy_signals, order_events, fills, fill_receipts, snapshot_descriptions,
  strategy_runs, bots, switch_intervals, trade_strategy_link_history TO recorder;
GRANT SELECT, INSERT, UPDATE, DELETE ON trade_records, trade_strategy_link, strategy_snapshots,
  strategy_activations, fifo_allocations, link_vetoes, fill_conflicts TO recorder;
GRANT SELECT, INSERT ON quarantine TO recorder;
GRANT UPDATE (resolved_at) ON quarantine TO recorder;
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

REVOKE EXECUTE ON FUNCTION matches_pattern(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION matches_pattern(text, text) TO recorder, reader, sql_reader;
"""


def upgrade() -> None:
    """Create everything."""
    for script in (FACTS, DERIVED, ASIDE, VIEWS, GRANTS):
        op.get_bind().exec_driver_sql(script)
