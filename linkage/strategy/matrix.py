"""The reference strategy as a plug-in."""

from __future__ import annotations

from linkage.strategy.engine import decide
from linkage.strategy.parameters import Parameters
from linkage.strategy.plugin import Strategy
from linkage.strategy.series import walk

MATRIX = Strategy(
    name="matrix", package="linkage.strategy", parameters=Parameters, decide=decide, series=walk
)
