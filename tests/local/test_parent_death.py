"""A child ends with its parent. Collected on Linux only: no other kernel has the signal."""

from __future__ import annotations

import os
import subprocess
import sys

from local.processes import command_line, descendants, wait_until_gone

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEADLINE_SECONDS = 10


def test_a_child_ends_when_its_parent_is_killed() -> None:
    script = (
        "import subprocess, sys, time\n"
        "from local.processes import dies_with_parent\n"
        "p = subprocess.Popen(sys.argv[1:], preexec_fn=dies_with_parent())\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, *SLEEP], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert child in descendants(os.getpid())
    assert command_line(child).endswith("time.sleep(600)")
    parent.kill()
    parent.wait()
    assert wait_until_gone(child, timeout_seconds=DEADLINE_SECONDS)
