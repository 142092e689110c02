"""What the functions logged, one function or all, in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from cli.cloud import CommandError
from cli.local import log_events

LINES = {
    "/aws/lambda/linkage-local-receive": [(2, "b"), (4, "d")],
    "/aws/lambda/linkage-local-sweep": [(3, "c")],
}


class Logs:
    """CloudWatch Logs with two groups."""

    def get_paginator(self, operation: str) -> Logs | Groups:
        return self if operation == "filter_log_events" else Groups()

    def paginate(self, **request: str) -> Iterator[Mapping[str, Sequence[Mapping[str, Any]]]]:
        yield {"events": [{"timestamp": at, "message": text} for at, text in LINES[request["logGroupName"]]]}


class Groups:
    def paginate(self) -> Iterator[Mapping[str, Sequence[Mapping[str, str]]]]:
        yield {"logGroups": [{"logGroupName": name} for name in LINES]}


def messages(function: str | None) -> list[tuple[str, str]]:
    return [(name, event["message"]) for name, event in log_events(Logs(), function)]


def test_lines_of_all_functions_are_in_order_of_time() -> None:
    receive, sweep = "linkage-local-receive", "linkage-local-sweep"
    assert messages(None) == [(receive, "b"), (sweep, "c"), (receive, "d")]


def test_a_part_of_a_name_chooses_functions() -> None:
    assert [text for _, text in messages("swee")] == ["c"]


def test_a_name_that_no_function_has_is_told_with_those_there_are() -> None:
    with pytest.raises(
        CommandError, match=r"no function has 'nothing' in its name; there are receive, sweep"
    ):
        messages("nothing")
