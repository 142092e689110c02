from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.read_ledger.request import MAX_NUMBER, ReadRequest
from functions.read_ledger.service import OPERATIONS, answer
from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window

START, END = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 18, tzinfo=UTC)
WINDOW = {"start": "2026-11-22T12:00:00Z", "end": "2026-11-22T18:00:00Z"}
Question = dict[str, Any]


class FakeOperatorReader:
    """An ``OperatorLedgerReader`` that answers with what it was asked."""

    def rates(self, window: Window) -> Question:
        """See the port."""
        return {"rates": window}

    def report(self, window: Window, *, by: Sequence[str] | None = None, verdicts: bool = False) -> Question:
        """See the port."""
        return {"report": window, "by": by, "verdicts": verdicts}

    def export_columns(self, window: Window) -> Question:
        """See the port."""
        return {"export_columns": window}

    def export(self, window: Window, after: tuple[datetime, int] | None = None) -> Question:
        """See the port."""
        return {"export": window, "after": after}

    def trace(self, identifier: str) -> Question | None:
        """See the port."""
        return None if identifier == "unknown" else {"trace": identifier}

    def verify(self) -> Question:
        """See the port."""
        return {"verify": True}

    def quarantine(self, *, resolved: bool = False) -> Question:
        """See the port."""
        return {"quarantine": resolved}

    def quarantined(self, quarantine_id: int) -> Question | None:
        """See the port."""
        return {"quarantined": quarantine_id}


def ask(event: Mapping[str, Any]) -> Mapping[str, object] | None:
    return answer(ReadRequest(event), FakeOperatorReader())


ANSWERS: list[tuple[Question, Question]] = [
    ({"op": "rates", **WINDOW}, {"rates": Window(START, END)}),
    ({"op": "report", **WINDOW}, {"report": Window(START, END), "by": None, "verdicts": False}),
    (
        {"op": "report", **WINDOW, "by": ["arm"], "verdicts": True},
        {"report": Window(START, END), "by": ["arm"], "verdicts": True},
    ),
    ({"op": "export_columns", **WINDOW}, {"export_columns": Window(START, END)}),
    ({"op": "export", **WINDOW}, {"export": Window(START, END), "after": None}),
    (
        {"op": "export", **WINDOW, "after": [WINDOW["start"], 7]},
        {"export": Window(START, END), "after": (START, 7)},
    ),
    ({"op": "trace", "id": "a"}, {"trace": "a"}),
    ({"op": "verify"}, {"verify": True}),
    ({"op": "quarantine"}, {"quarantine": False}),
    ({"op": "quarantine", "resolved": True}, {"quarantine": True}),
    ({"op": "quarantined", "id": 7}, {"quarantined": 7}),
]


@pytest.mark.parametrize(("event", "expected"), ANSWERS)
def test_a_question_reaches_the_ledger_with_its_fields(event: Question, expected: Question) -> None:
    assert ask(event) == expected


def test_every_operation_has_a_test_here() -> None:
    assert {event["op"] for event, _ in ANSWERS} == set(OPERATIONS)


def test_what_the_ledger_does_not_know_is_no_answer() -> None:
    assert ask({"op": "trace", "id": "unknown"}) is None


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "op"),
        ({"op": ["rates"]}, "op"),
        ({"op": "rates"}, "start"),
        ({"op": "rates", "start": WINDOW["start"]}, "end"),
        ({"op": "rates", "start": WINDOW["end"], "end": WINDOW["start"]}, "start"),
        ({"op": "report", **WINDOW, "by": "arm"}, "by"),
        ({"op": "report", **WINDOW, "by": [1]}, "by"),
        ({"op": "export", **WINDOW, "after": "a"}, "after"),
        ({"op": "export", **WINDOW, "after": [7, 7]}, "after"),
        ({"op": "export", **WINDOW, "after": [WINDOW["start"], 0]}, "after"),
        ({"op": "trace", "id": " "}, "id"),
        ({"op": "quarantined", "id": "7"}, "id"),
        ({"op": "quarantined", "id": MAX_NUMBER + 1}, "id"),
    ],
)
def test_a_question_that_makes_no_sense_names_the_field(event: Question, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        ask(event)
    assert refused.value.field == field
