"""The use case of ``read_ledger``: one question about the ledger, answered by its read side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from functions.read_ledger.request import ReadRequest
from linkage.domain.errors import InvalidInputError
from linkage.ports.reader import OperatorLedgerReader

Result = Mapping[str, object] | None

OPERATIONS: Mapping[str, Callable[[ReadRequest, OperatorLedgerReader], Result]] = {
    "rates": lambda request, reader: reader.rates(request.window()),
    "report": lambda request, reader: reader.report(
        request.window(), by=request.names("by"), verdicts=request.flag("verdicts")
    ),
    "export_columns": lambda request, reader: reader.export_columns(request.window()),
    "export": lambda request, reader: reader.export(request.window(), request.cursor("after")),
    "trace": lambda request, reader: reader.trace(request.text("id")),
    "verify": lambda _request, reader: reader.verify(),
    "quarantine": lambda request, reader: reader.quarantine(resolved=request.flag("resolved")),
    "quarantined": lambda request, reader: reader.quarantined(request.number("id")),
}


def answer(request: ReadRequest, reader: OperatorLedgerReader) -> Result:
    """Return the answer, JSON-ready; None where the ledger knows nothing of what was asked.

    Raises:
        InvalidInputError: there is no such operation, or a field of it makes no sense.
        LedgerUnavailableError: the ledger could not be read.
    """
    operation = request.operation
    answer_to = OPERATIONS.get(operation) if isinstance(operation, str) else None
    if answer_to is None:
        raise InvalidInputError(f"op {operation!r} is not one of {', '.join(OPERATIONS)}", "op")
    return answer_to(request, reader)
