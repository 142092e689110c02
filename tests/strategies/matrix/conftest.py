"""Tests over real candles are collected only where those candles are."""

from __future__ import annotations

from pathlib import Path

REAL_CANDLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "candles"

collect_ignore = [] if REAL_CANDLES.is_dir() else ["test_real_candles.py"]
