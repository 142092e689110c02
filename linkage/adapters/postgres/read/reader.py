"""The ledger's read side in PostgreSQL: rates, the report of a window, one order's story.

Every read is one read-only transaction on one snapshot, so that the figures of a report agree with each
other. A window is a range of ``trade_records.order_time``; its cost follows the window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from psycopg import IsolationLevel
from psycopg.types.json import set_json_loads

from linkage.adapters.postgres.connection import Connection, LedgerConnection
from linkage.adapters.postgres.read import export, quarantine, rates, report, trace, verify
from linkage.contracts.performance import MAIL_TABLES, TABLES, By
from linkage.domain.canonical import iso_utc, normalise_decimal
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window

READ_SECONDS = 25.0
VERIFY_SECONDS = 580.0

Result = TypeVar("Result")


class PostgresLedgerReader:
    """A ``LedgerReader``.

    Args:
        connection: to the ledger, as the role ``reader``.
    """

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def rates(self, window: Window) -> Mapping[str, object]:
        """Return the three rates of a window with their counts; ``RatesDocument`` as JSON-ready mapping."""
        return self._read(partial(rates.rates, window=window)).model_dump(mode="json")

    def report(
        self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False
    ) -> Mapping[str, object]:
        """Return all that the report of a window shows; ``ReportDocument`` as JSON-ready mapping.

        Args:
            window: of the report.
            by: what the tables of results are by, one for each; None for those of the mail.
            verdicts: also compare the parameter sets that closed an episode, over all the ledger.

        Raises:
            InvalidInputError: too many episodes were closed in the window, or there is no such table.
        """
        read = partial(report.report, window=window, by=_tables(by), verdicts=verdicts)
        return self._read(read)

    def export_columns(self, window: Window) -> Mapping[str, object]:
        """Return how many lots were closed in a window, and what sets and indicators have; see the module."""
        document: dict[str, object] = json_ready(self._read(partial(export.columns, window=window)))
        return document

    def export(self, window: Window, after: tuple[datetime, int] | None = None) -> Mapping[str, object]:
        """Return the next page of lots that were closed in a window, JSON-ready; see the module."""
        page = self._read(partial(export.page, window=window, after=after))
        document: dict[str, object] = json_ready(page)
        return document

    def trace(self, identifier: str) -> Mapping[str, object] | None:
        """Return the whole story of the orders and signals with this id; None when there is nothing.

        Args:
            identifier: order id, the venue's own order id, or client order id.

        Returns:
            ``orders``: for each its row, disposition, link, signal, snapshot, events, fills, receipts,
            earlier links and relatives; ``signals``: those without an order.
        """
        story: dict[str, object] = json_ready(self._read(partial(trace.trace, identifier=identifier.strip())))
        return story if story["orders"] or story["signals"] else None

    def verify(self) -> Mapping[str, object]:
        """Check the ledger's invariants on everything it holds; ``checks`` in a fixed order."""
        checks = self._connection.run(verify.verify, deadline_seconds=VERIFY_SECONDS)
        return {
            "holds": all(check.holds for check in checks),
            "checks": [
                {
                    "name": check.name,
                    "rows": check.rows,
                    "offences": check.offences,
                    "offenders": list(check.offenders),
                }
                for check in checks
            ],
        }

    def quarantine(self, *, resolved: bool = False) -> Mapping[str, object]:
        """Return what could not be understood, newest first, without its bodies.

        Args:
            resolved: also what was understood since.

        Returns:
            ``total``, the first of them in ``events``, and in ``reasons`` how many of them all have which
            reason, with the age of the oldest that waits in seconds.
        """
        document: dict[str, object] = json_ready(
            self._read(partial(quarantine.quarantine, resolved=resolved))
        )
        return document

    def quarantined(self, quarantine_id: int) -> Mapping[str, object] | None:
        """Return one event of the quarantine with its body as it came; None when there is no such."""
        event: dict[str, object] | None = json_ready(
            self._read(partial(quarantine.quarantined, quarantine_id=quarantine_id))
        )
        return event

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        def in_transaction(connection: Connection) -> Result:
            set_json_loads(partial(json.loads, parse_float=Decimal), connection)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                return work(connection)

        return self._connection.run(in_transaction, deadline_seconds=READ_SECONDS)


def _tables(by: Sequence[str] | None) -> Sequence[By]:
    if by is None:
        return MAIL_TABLES
    known = {str(name): name for name in TABLES}
    for name in by:
        if name not in known:
            raise InvalidInputError(f"{name!r} is not one of {', '.join(known)}", "by")
    return [known[name] for name in by]


def json_ready(value: Any) -> Any:
    """Return a value of the database as JSON knows it: decimals as text, times as ISO 8601 in UTC."""
    if isinstance(value, Decimal):
        return normalise_decimal(value)
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): json_ready(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    return value
