"""What is built once per process, and one way to start cold again."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

from linkage.runtime import dependencies
from linkage.runtime.dependencies import closed_on_reset, memoised, once, reset

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_built_once_is_the_same_until_the_reset() -> None:
    numbers = count()

    @once
    def number() -> int:
        return next(numbers)

    assert (number(), number()) == (0, 0)
    reset()
    assert number() == 1


def test_each_choice_of_arguments_is_built_by_itself() -> None:
    numbers = count()

    @once
    def client(service: str, *, attempts: int = 1) -> tuple[str, int, int]:
        return service, attempts, next(numbers)

    assert client("sqs") == client("sqs") == ("sqs", 1, 0)
    assert client("sqs", attempts=2) == ("sqs", 2, 1)


def test_results_beyond_the_limit_are_computed_again() -> None:
    computed: list[int] = []

    @memoised(limit=1)
    def square(number: int) -> int:
        computed.append(number)
        return number * number

    assert [square(2), square(2), square(3), square(2)] == [4, 4, 9, 4]
    assert computed == [2, 3, 2]
    reset()
    square(2)
    assert computed == [2, 3, 2, 2]


def test_a_reset_closes_what_is_open_once_and_the_last_first() -> None:
    closed: list[str] = []

    class Connection:
        def __init__(self, name: str) -> None:
            self._name = name

        def close(self) -> None:
            closed.append(self._name)

    @once
    def connection() -> Connection:
        return closed_on_reset(Connection("first"))

    connection()
    closed_on_reset(Connection("second"))
    reset()
    assert closed == ["second", "first"]
    reset()
    assert closed == ["second", "first"]
    connection()
    reset()
    assert closed == ["second", "first", "first"]


def test_nothing_else_has_a_cache_of_its_own_but_the_constants_of_the_code_that_are_named() -> None:
    folders = ("functions", "linkage", "strategies")
    caching = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"lru_cache|@cache\b", path.read_text())
    }
    exempt = set(re.findall(r"``([a-z_/]+\.py)``", dependencies.__doc__ or ""))
    assert exempt
    assert caching == {"linkage/runtime/dependencies.py"} | exempt
