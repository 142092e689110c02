"""What the local cloud needs from registries, fetched once: `make setup` runs this.

The first deployment would fetch it too; done here, everything after the set-up works without a network.
"""

from __future__ import annotations

from infra.cdk.bundles import local_pins
from infra.cdk.zips import host_target, packed_dependencies
from local.deploy import cdk_program


def main() -> None:
    """Install the CDK CLI, and what goes into each zip of the local stage."""
    cdk_program()
    # The demonstration's market is candle files, whatever it replays.
    for pins in local_pins():
        packed_dependencies(pins, host_target())


if __name__ == "__main__":
    main()
