"""A second checkout, to change and to deploy from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.cdk.bundles import ROOT
from infra.cdk.strategies import OURS

# One line of JSON: the hash of each entry point's zip.
HASHES = """
import json
from infra.cdk.bundles import bundles_of
from infra.cdk.zips import bundle_hash, host_target
print(json.dumps({name: bundle_hash(bundle, host_target()) for name, bundle in bundles_of().items()}))
"""

SYNTHESISE = """
import pathlib, sys
from infra.cdk.synth import synthesise
synthesise(sys.argv[1], pathlib.Path(sys.argv[2]), bundle=False)
"""


class Checkout:
    """A copy of everything that a synth reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unused = shutil.ignore_patterns("__pycache__", ".*")
        for name in (*OURS, "infra", "requirements"):
            shutil.copytree(ROOT / name, folder / name, ignore=unused)
        shutil.copyfile(ROOT / "cdk.json", folder / "cdk.json")

    def hashes(self) -> dict[str, str]:
        """Return the hash of each entry point's zip."""
        hashes: dict[str, str] = json.loads(self._run(HASHES))
        return hashes

    def synthesise(self, stage: str, output: Path) -> Path:
        """Write the templates of a stage into a folder and return it."""
        self._run(SYNTHESISE, stage, str(output))
        return output

    def _run(self, script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
