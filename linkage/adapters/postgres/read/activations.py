"""The parameter sets that came into force, and what was new in them."""

from __future__ import annotations

from linkage.adapters.postgres.connection import Connection
from linkage.adapters.postgres.read.rows import bounds, fetch_rows
from linkage.adapters.postgres.statements import statement
from linkage.contracts.performance import Change
from linkage.domain.changes import changes_between
from linkage.domain.facts import Window

MAX_CHANGES = 20

_ACTIVATIONS = statement(__file__, "activations")


def changes(connection: Connection, window: Window) -> list[Change]:
    """Return the parameter sets that came into force in a window, latest first, and what was new in them."""
    rows = fetch_rows(connection, _ACTIVATIONS, {**bounds(window), "changes": MAX_CHANGES})
    changed: list[Change] = []
    for row in rows:
        after, before = row.pop("parameters"), row.pop("before_parameters")
        described = after is not None and before is not None
        differences = [change.text for change in changes_between(before, after)] if described else None
        changed.append(Change.model_validate({**row, "changes": differences}))
    return changed
