"""What the local cloud needs from registries, fetched once: `make setup` runs this.

The first deployment would fetch it too; done here, everything after the set-up works without a network.
"""

from __future__ import annotations

from infra.cdk.bundling import BUNDLES, CANDLES_BUNDLES, host_target, packed_dependencies
from local.deploy import cdk_program


def main() -> None:
    """Install the CDK CLI, and what goes into each zip of the local stage."""
    cdk_program()
    # The demonstration's market is candle files, whatever it replays.
    for bundle in (*BUNDLES.values(), *CANDLES_BUNDLES.values()):
        packed_dependencies(bundle, host_target())


if __name__ == "__main__":
    main()
