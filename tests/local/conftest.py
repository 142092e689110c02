"""Leaves out what this machine's kernel cannot do."""

from __future__ import annotations

import sys

collect_ignore = [] if sys.platform == "linux" else ["test_parent_death.py"]
