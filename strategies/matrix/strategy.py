"""The reference strategy as a plug-in."""

from __future__ import annotations

from linkage.strategy.plugin import Strategy
from strategies.matrix.engine import decide
from strategies.matrix.parameters import Parameters
from strategies.matrix.series import walk

MATRIX = Strategy(
    name="matrix", package="strategies.matrix", parameters=Parameters, decide=decide, series=walk
)
