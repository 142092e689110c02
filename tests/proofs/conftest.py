"""The proofs play in the same world as the scenarios."""

from tests.scenarios.conftest import expiry, new_world, used_databases, world
from tests.strategies.matrix.conftest import REAL_CANDLES

__all__ = ["expiry", "new_world", "used_databases", "world"]

collect_ignore = [] if REAL_CANDLES.is_dir() else ["test_trades.py"]
