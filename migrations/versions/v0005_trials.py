"""Every parameter set that was tried on candles of the past, so that none of them is forgotten."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TRIALS = """
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
GRANT SELECT, INSERT ON trials TO recorder;
GRANT SELECT ON trials TO reader, sql_reader;
"""


def upgrade() -> None:
    """Create the table, and let the recorder add to it."""
    op.get_bind().exec_driver_sql(TRIALS)
