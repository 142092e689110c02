"""What the ledger derives and measures by schedule: lots, rates, and the figures that the alarms read."""

from __future__ import annotations

from datetime import timedelta

from linkage.domain.facts import LedgerHealth, LotsMatched, Window
from linkage.ports.clock import Clock
from linkage.ports.lots import LotMatcher
from linkage.ports.maintenance import LedgerMaintenance

MAINTAIN_WINDOW = timedelta(hours=6)
LOTS_SECONDS = 120.0


def match_lots(lots: LotMatcher) -> LotsMatched:
    """Bring lots and episodes up to date with the orders that changed since the last time.

    Raises:
        LedgerUnavailableError: the next time begins where this one did.
    """
    return lots.match_lots(seconds=LOTS_SECONDS)


def maintain(ledger: LedgerMaintenance, clock: Clock) -> LedgerHealth:
    """Do the ledger's periodic chores and measure the last hours.

    Raises:
        LedgerUnavailableError: nothing was measured.
    """
    now = clock.now()
    return ledger.maintain(Window(now - MAINTAIN_WINDOW, now))


def health_metrics(health: LedgerHealth) -> dict[str, float]:
    """Return the metrics of a measurement. The rate of expected orders is left out below 20 of them."""
    count = health.counts.get
    expected = count("linked", 0) + count("lost", 0) + count("conflict", 0)
    metrics: dict[str, float] = {
        "OrdersLost": count("lost", 0),
        "OrdersConflict": count("conflict", 0),
        "OrdersPending": count("pending", 0),
        "ExecutedOrders": (executed := sum(health.counts.values())),
    }
    if executed:
        # The alarm on it asks whether orders execute of which none is expected; without any it has no say.
        metrics["ExpectedOrders"] = expected
    if health.linkage_rate is not None and expected >= 20:
        metrics["LinkageRatePercent"] = 100 * health.linkage_rate
    if health.executed_linkage_rate is not None:
        metrics["ExecutedLinkagePercent"] = 100 * health.executed_linkage_rate
    return metrics
