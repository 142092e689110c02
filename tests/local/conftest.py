"""Leaves out what this machine's kernel, or this user, cannot do."""

from __future__ import annotations

import os
import sys

collect_ignore = [] if sys.platform == "linux" else ["test_parent_death.py"]
if os.geteuid() != 0:
    collect_ignore.append("test_postgres_as_root.py")
