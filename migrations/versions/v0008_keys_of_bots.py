"""A bot that comes to an account is found in its signals, however many others there are."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Index the signals of other people's bots; ours are found by their keys alone."""
    op.get_bind().exec_driver_sql(
        "CREATE INDEX strategy_signals_bot ON strategy_signals (bot_id) WHERE NOT key_is_ours"
    )
