"""Synthesises every stage, or those named: ``python -m infra.cdk.synth [STAGE...]``.

It needs no account and no credentials. A finding of cdk-nag ends it with an error.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from infra.cdk.app import build_app
from infra.cdk.stage_names import STAGE_NAMES

ROOT = Path(__file__).resolve().parents[2]


def synthesise(stage: str, folder: Path, *, bundle: bool = True) -> Path:
    """Write the assembly of one stage into a folder of its own and return it.

    Args:
        stage: local, dev or prod.
        folder: is emptied first.
        bundle: build the zips too; templates alone need only a second.
    """
    shutil.rmtree(folder, ignore_errors=True)
    context: dict[str, object] = {**json.loads((ROOT / "cdk.json").read_text())["context"], "stage": stage}
    if not bundle:
        context["aws:cdk:bundling-stacks"] = []
    build_app(context=context, outdir=str(folder)).synth()
    return folder


def main() -> None:
    """Synthesise the stages that the command line names."""
    parser = argparse.ArgumentParser(description="Synthesise stages without an account.")
    parser.add_argument("stages", nargs="*", default=list(STAGE_NAMES), metavar="STAGE")
    parser.add_argument("--output", type=Path, default=ROOT / "cdk.out", help="folder of the assemblies")
    arguments = parser.parse_args()
    for stage in arguments.stages:
        started = time.monotonic()
        folder = synthesise(stage, arguments.output / stage)
        print(f"{stage}: {folder} ({time.monotonic() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
