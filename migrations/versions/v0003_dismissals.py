"""An operator may dismiss what is quarantined, with a reason that stays beside it."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DISMISSALS = """
ALTER TABLE quarantine ADD COLUMN resolution text;
GRANT UPDATE (resolution) ON quarantine TO recorder;
CREATE OR REPLACE VIEW quarantine_summary AS
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution
FROM quarantine;
"""


def upgrade() -> None:
    """Add the column, show it in the view, and let the recorder fill it in."""
    op.get_bind().exec_driver_sql(DISMISSALS)
