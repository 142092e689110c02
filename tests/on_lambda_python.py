"""Runs the unit tests on the Python that functions have in AWS, where this machine has it: `make lambda`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infra.cdk.bundles import ROOT
from infra.cdk.zips import LAMBDA_PYTHON, find_python

ENVIRONMENT = ROOT / ".venv-lambda"
UNIT_TESTS = ("tests/functions", "tests/strategies", "tests/linkage", "--ignore=tests/linkage/adapters")


def main() -> int:
    """Return pytest's exit code; 0 where that Python is missing, because nobody has to have it."""
    interpreter = find_python(LAMBDA_PYTHON)
    if interpreter is None:
        print(f"Python {LAMBDA_PYTHON} is not installed here: no test was run on it")
        return 0
    uv = str(Path(sys.executable).with_name("uv"))
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", interpreter, str(ENVIRONMENT)], check=True)
    subprocess.run(
        [uv, "pip", "sync", "--quiet", "--require-hashes", str(ROOT / "requirements/dev.txt")],
        env={**os.environ, "VIRTUAL_ENV": str(ENVIRONMENT)},
        check=True,
    )
    tests = [
        str(python),
        "-m",
        "pytest",
        "-n",
        "auto",
        "--maxprocesses",
        "4",
        "--dist",
        "loadfile",
        *UNIT_TESTS,
    ]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
