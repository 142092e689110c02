"""Ways for the recorder to die: before, inside and after each of its two transactions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from linkage.adapters.postgres.connection import LedgerConnection
from linkage.adapters.postgres.ledger import PostgresLedger
from tests.support.queue import CrashError

Result = TypeVar("Result")

POINTS = ("before record", "inside record", "between", "inside resolve", "after resolve")


@dataclass
class Crashes:
    """Kills the process at a point as often as ``decide`` says so.

    Attributes:
        decide: asked at every point that is passed.
        happened: the points at which the process died.
    """

    decide: Callable[[str], bool]
    happened: list[str] = field(default_factory=list)

    def install(self, environment: pytest.MonkeyPatch) -> None:
        """Put the points into the ledger's write side."""
        record, resolve, run = PostgresLedger.record, PostgresLedger.resolve, LedgerConnection.run
        inside = ""

        def recording(ledger: PostgresLedger, facts: Any) -> Any:
            nonlocal inside
            self._pass("before record")
            inside = "inside record"
            try:
                recorded = record(ledger, facts)
            finally:
                inside = ""
            self._pass("between")
            return recorded

        def resolving(ledger: PostgresLedger, touched: Any) -> Any:
            nonlocal inside
            inside = "inside resolve"
            try:
                resolved = resolve(ledger, touched)
            finally:
                inside = ""
            self._pass("after resolve")
            return resolved

        def running(connection: LedgerConnection, work: Callable[[Any], Any], **options: Any) -> Any:
            point = inside

            def interrupted(open_connection: Any) -> Any:
                if not point:
                    return work(open_connection)
                # The work's own transaction becomes a part of this one, which the crash takes back.
                with open_connection.transaction():
                    result = work(open_connection)
                    self._pass(point)
                return result

            return run(connection, interrupted, **options)

        environment.setattr(PostgresLedger, "record", recording)
        environment.setattr(PostgresLedger, "resolve", resolving)
        environment.setattr(LedgerConnection, "run", running)

    def _pass(self, point: str) -> None:
        if self.decide(point):
            self.happened.append(point)
            raise CrashError(point)
