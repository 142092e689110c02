"""The second step: the links of touched orders and of all that depend on them."""

from __future__ import annotations

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.ledger.pipeline import begin_step, one_round_trip, rows
from linkage.adapters.postgres.statements import statement
from linkage.domain.facts import LinkMade, MissingSignal, Resolved, SignalKey, Touched
from linkage.domain.ids import OrderId

ORDERS_OF_BOTS = statement(__file__, "orders_of_bots")
LOCK_RELATED = statement(__file__, "lock_related_orders")
INVALIDATE_RATES = statement(__file__, "invalidate_rates")
RESOLVE_LINKS = statement(__file__, "resolve_links")
UPDATE_ORDERS = statement(__file__, "update_orders")


def resolve_links(connection: Connection, touched: Touched) -> Resolved:
    """Resolve the links of touched orders, in one transaction and, unless bots came, one round trip."""
    order_ids = set(touched.order_ids)
    if touched.bots:
        # Looked for in this step: what another recorder was about to commit in the first one is there by now.
        named = rows(connection, ORDERS_OF_BOTS, {"bots": sorted(touched.bots)})
        order_ids.update(order.order_id for order in named)
    parameters = {
        "orders": sorted(order_ids),
        "keys": sorted({key.client_order_id for key in touched.keys}),
    }
    with one_round_trip(connection):
        begin_step(connection)
        connection.execute(LOCK_RELATED, parameters)
        connection.execute(INVALIDATE_RATES)
        outcomes = rows(connection, RESOLVE_LINKS)
        connection.execute(UPDATE_ORDERS)
    made: list[LinkMade] = []
    removed: list[OrderId] = []
    missing: list[MissingSignal] = []
    conflicts: list[OrderId] = []
    for outcome in outcomes.fetchall():
        if outcome.what == "made":
            made.append(
                LinkMade(
                    order_id=outcome.order_id,
                    client_order_id=outcome.client_order_id,
                    snapshot_id=outcome.snapshot_id,
                    method=outcome.method,
                    relinked=outcome.relinked,
                    snapshot_changed=outcome.snapshot_changed,
                )
            )
        elif outcome.what == "removed":
            removed.append(outcome.order_id)
        elif outcome.what == "conflict":
            conflicts.append(outcome.order_id)
        elif outcome.what == "missing":
            key = outcome.client_order_id
            lookups = tuple(SignalKey(bot_id, key) for bot_id in outcome.lookups)
            missing.append(MissingSignal(outcome.order_id, key, lookups))
    return Resolved(made, removed, missing, conflicts)
