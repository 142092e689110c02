-- What follows from the facts of orders and signals, its history, and what could not be understood.

-- The columns are functions of the order's facts and its link; derive_orders
-- has them. The first link lends its order the signal's trigger and origin, so nearly every row is written
-- twice within a second. Where the second version fits beside the first no index is touched.
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
) WITH (fillfactor = 45);
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

-- One row per snapshot that was described: of several descriptions the least counts.
CREATE VIEW described_snapshots AS
SELECT DISTINCT ON (snapshot_id) snapshot_id, config_hash, params_hash, bot_id, strategy, code_version, label,
       parameters, described_at
FROM snapshot_descriptions
ORDER BY snapshot_id, config_hash;

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

-- A snapshot is in force from the first run that has it to the first run that has another one, or that has
-- arms without this one.
CREATE VIEW derived_activations AS
SELECT strategy, arm, scheduled_at AS activated_at, snapshot_id, deactivated_at
FROM (
  SELECT strategy, arm, scheduled_at, snapshot_id,
         lead(scheduled_at) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS deactivated_at
  FROM (
    SELECT strategy, arm, scheduled_at, snapshot_id,
           lag(snapshot_id) OVER (PARTITION BY strategy, arm ORDER BY scheduled_at) AS before
    FROM (
      -- Runs of one moment count once, whichever came first; an arm's own run before its absence.
      SELECT DISTINCT ON (strategy, arm, scheduled_at) strategy, arm, scheduled_at, snapshot_id
      FROM (
        SELECT strategy, arm, scheduled_at, snapshot_id, run_id FROM strategy_runs
        UNION ALL
        SELECT strategy, known.arm, r.scheduled_at, NULL, NULL
        FROM (SELECT DISTINCT strategy, arm FROM strategy_runs) known
        JOIN strategy_runs r USING (strategy)
        WHERE NOT known.arm = ANY (r.arms)
      ) present_and_absent
      ORDER BY strategy, arm, scheduled_at, run_id NULLS LAST
    ) moments
  ) compared
  WHERE before IS DISTINCT FROM snapshot_id
) steps
WHERE snapshot_id IS NOT NULL;

-- What new runs change of the activations, as a recorder left it in a setting of its transaction for the
-- statements that follow. Without a snapshot: an activation that goes.
CREATE VIEW activation_changes AS
SELECT strategy, arm, activated_at, snapshot_id, deactivated_at
FROM json_to_recordset(current_setting('linkage.activations')::json)
  AS change (strategy text, arm text, activated_at timestamptz, snapshot_id uuid, deactivated_at timestamptz);

-- Why a key that fits made no link: the symbol, the side, an earlier use, or a second signal stand in the
-- way, or the signal names no snapshot.
CREATE TABLE link_vetoes (
  order_id text COLLATE "C" PRIMARY KEY REFERENCES trade_records (order_id),
  client_order_id text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL CHECK (reason IN ('symbol', 'side', 'reused', 'ambiguous', 'no_snapshot')),
  found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The sweep looks for what changed. A block range index costs a write next to nothing and does not keep
-- an update from staying in its page.
CREATE INDEX trade_records_updated_at ON trade_records USING brin (updated_at)
  WITH (autosummarize = on, pages_per_range = 32);
CREATE INDEX trade_strategy_link_linked_at ON trade_strategy_link USING brin (linked_at)
  WITH (autosummarize = on, pages_per_range = 32);

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
  resolved_at timestamptz,
  -- Why an operator dismissed it.
  resolution text
);
CREATE INDEX quarantine_quarantined_at ON quarantine (quarantined_at);
