"""The decisions of our own strategy, computed before it runs.

The deployed strategy gets its parameters from the Parameter Store, its candles through its own settings
and its memory from the table. Here the same rules run over the same files from the documents that the
driver is about to write. Where the two differ, links differ from this, and the demonstration fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from demo.truth import LinkTruth
from linkage.domain.keys import OrderIntent, make_client_order_id
from linkage.ports.market import MarketData
from linkage.strategy.decisions import Decision
from linkage.strategy.state import StrategyState
from strategies.matrix.strategy import MATRIX

DOCUMENTS = (
    """\
# The demonstration's parameters: lower targets than the defaults, so that half a day has many orders.
score_buy_target = 1.2
score_sell_target = 3.0
min_indicators = 1
cooldown_bars = 1
roc_momo_buy = 0.8
roc_momo_sell = -0.8
roc_momo_min_change = 0.2
rsi_gate_low = 30.0
rsi_gate_high = 70.0
take_profit = 0.012
stop_loss = 0.01
""",
    """\
# Half-time: entries are market orders, exits are sooner, stops and targets are closer.
score_buy_target = 1.2
score_sell_target = 3.0
min_indicators = 1
cooldown_bars = 1
roc_momo_buy = 0.8
roc_momo_sell = -0.8
roc_momo_min_change = 0.2
rsi_gate_low = 30.0
rsi_gate_high = 70.0
hysteresis = 0.0
entry_order_type = "market"
take_profit = 0.01
stop_loss = 0.008
""",
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What makes two deployments' keys differ: the stage, and where its strategy trades."""

    stage: str = "local"
    venue: str = "paper"
    account: str = "paper"
    symbols: str = "*"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One decision that the strategy is going to make at a run, and the snapshot it makes it with."""

    run: datetime
    decision: Decision
    snapshot_id: UUID

    def key(self, deployment: Deployment) -> str:
        """Return the client_order_id that its order will have."""
        return make_client_order_id(
            OrderIntent(
                deployment=deployment.stage,
                account=deployment.account,
                strategy=MATRIX.name,
                snapshot_id=self.snapshot_id,
                symbol=self.decision.symbol,
                side=self.decision.side,
                bar_time=self.decision.bar_time,
            )
        )

    @property
    def truth(self) -> LinkTruth:
        """The link that it has to lead to."""
        return LinkTruth(
            snapshot_id=self.snapshot_id,
            symbol=self.decision.symbol,
            side=self.decision.side,
            trigger=self.decision.trigger,
            buy_score=self.decision.buy_score,
            sell_score=self.decision.sell_score,
            decided_at=self.decision.decided_at,
        )


def foresee(
    market: MarketData, documents: Mapping[datetime, str], deployment: Deployment
) -> Sequence[Foreseen]:
    """Return every decision of a replay that no guardrail will hold back, in order of time.

    Args:
        market: the candles that the deployed strategy will read.
        documents: by run, in order of time: the parameter document that will be in force.
        deployment: where it runs.
    """
    symbols = market.symbols() if deployment.symbols == "*" else deployment.symbols.split(",")
    foreseen: list[Foreseen] = []
    state = StrategyState()
    for document, group in groupby(documents, key=documents.__getitem__):
        runs = list(group)
        parameters = MATRIX.parse(document)
        candles = market.candles(
            symbols,
            as_of=runs[-1],
            bars=parameters.bars + len(runs) - 1,
            interval_seconds=parameters.interval_seconds,
        )
        snapshot = MATRIX.snapshot(parameters, symbols=deployment.symbols)
        for run, decided in zip(runs, MATRIX.walk(candles, state, parameters), strict=True):
            sent = (decision for decision in decided.decisions if decision.is_sent)
            foreseen += [Foreseen(run, decision, snapshot.snapshot_id) for decision in sent]
            state = decided.state
    return foreseen
