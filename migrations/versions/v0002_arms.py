"""A run says which arms it had, so that an arm that is gone has its activation closed."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

ARMS = """
ALTER TABLE strategy_runs ADD COLUMN arms text[] COLLATE "C";
CREATE INDEX strategy_runs_moments ON strategy_runs (strategy, scheduled_at);
"""


def upgrade() -> None:
    """Add the column, and the index by which a moment finds its neighbours."""
    op.get_bind().exec_driver_sql(ARMS)
