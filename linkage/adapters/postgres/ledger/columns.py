"""How JSON facts become rows: one column list per fact table, expanded by PostgreSQL in one go."""

from __future__ import annotations

from typing import LiteralString

SIGNAL_COLUMNS: LiteralString = """
  bot_id text, client_order_id text, meaning text, key_is_ours boolean, snapshot_id uuid, venue text,
  account text, strategy text, arm text, propensity numeric, run_id uuid, symbol text, side text,
  trigger_type text, buy_score numeric, sell_score numeric, indicators_fired text[],
  indicator_breakdown jsonb, price numeric, quantity numeric, notional numeric, order_type text,
  take_profit numeric, stop_loss numeric, origin text, signalled_at timestamptz, bar_time timestamptz,
  parent_client_order_id text, disposition text, guardrail text, extra jsonb, received_at timestamptz
"""

EVENT_COLUMNS: LiteralString = """
  order_id text, event_hash text, venue_order_id text, venue text, account text, bot_id text,
  client_order_id text, key_is_ours boolean, parent_order_id text, replaces_order_id text, symbol text,
  side text, position_side text, reduce_only boolean, position_id text, origin text, ingest_via text,
  status text, venue_status text, order_type text, trigger text, size numeric, created_at timestamptz,
  updated_at timestamptz, raw json
"""

FILL_COLUMNS: LiteralString = """
  order_id text, fill_id text, venue text, account text, kind text, refers_to text, symbol text, side text,
  price numeric, quantity numeric, quantity_unit text, fee numeric, fee_currency text,
  executed_at timestamptz, cumulative_quantity numeric, average_price numeric, total_fees numeric,
  status text, ingest_via text, message_id text, venue_order_id text, bot_id text, client_order_id text,
  key_is_ours boolean, parent_order_id text, replaces_order_id text, position_side text,
  reduce_only boolean, position_id text, origin text, liquidity text, raw json
"""

SNAPSHOT_COLUMNS: LiteralString = """
  snapshot_id uuid, config_hash text, bot_id text, params_hash text, strategy text, code_version text,
  label text, parameters jsonb, described_at timestamptz
"""

RUN_COLUMNS: LiteralString = """
  run_id uuid, bot_id text, strategy text, arm text, arms text[], snapshot_id uuid,
  scheduled_at timestamptz, started_at timestamptz, duration_ms integer, symbols_seen integer,
  symbols_skipped jsonb, signals_sent integer, signals_repeated integer, signals_suppressed jsonb
"""

BOT_COLUMNS: LiteralString = """
  bot_id text, updated_at timestamptz, source text, venue text, account text, mode text,
  expects_signals text, client_id_pattern text, book text, linked_since timestamptz, time_zone text,
  removed boolean
"""

SWITCH_COLUMNS: LiteralString = "changed_at timestamptz, enabled boolean, changed_by text"
