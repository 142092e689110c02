"""The ledger as it begins: facts, what follows from them, lots, and who may do what."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SCHEMA = Path(__file__).resolve().parents[1] / "schema"


def upgrade() -> None:
    """Create everything, file by file in the order of their names."""
    for script in sorted(SCHEMA.glob("*.sql")):
        op.get_bind().exec_driver_sql(script.read_text(encoding="utf-8"))
