"""The folders of this checkout that are written to, and where they are if it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def local_directory() -> Path:
    """Return where the local cloud keeps everything: ``LINKAGE_LOCAL_DIR``, else ``.local`` here."""
    chosen = os.environ.get("LINKAGE_LOCAL_DIR")
    return Path(chosen).resolve() if chosen else ROOT / ".local"


def fetched(name: str) -> Path:
    """Return where something that is fetched once is, or is to be put.

    What ``make setup`` put into the checkout serves every local directory.
    """
    ready = ROOT / ".local" / name
    return ready if ready.exists() else local_directory() / name


def output_directory() -> Path:
    """Return where results go: ``out`` here, or in the local directory if the checkout cannot be written."""
    return (ROOT if os.access(ROOT, os.W_OK) else local_directory()) / "out"


def home_environment() -> dict[str, str]:
    """Return a home for tools that keep caches there; nothing if the caller's own can be written."""
    home = os.environ.get("HOME")
    return {} if home and os.access(home, os.W_OK) else {"HOME": str(local_directory() / "home")}
