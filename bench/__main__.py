"""``python -m bench NAME…`` runs ``bench/NAME.py``; without a name, all of them.

What begins with a dash, and all after it, goes to the benchmarks.
"""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the benchmarks of these names; 0 when all ran."""
    names = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    known = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    options = arguments[len(names) :]
    for name in names or known:
        run = importlib.import_module(f"bench.{name}").main
        run(options) if options else run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
