"""How a proof reports what it counted: a line of JSON for ``make prove``, when that runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

VARIABLE = "LINKAGE_PROOF_COUNTS"


def tally(promise: str, **counts: int) -> None:
    """Report how much of what a promise was tried on.

    Args:
        promise: as ``tests.proofs.prove`` calls it.
        counts: they are added to what other tests report of the same promise.
    """
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a") as lines:
            lines.write(json.dumps({"promise": promise, **counts}) + "\n")
