"""What each function asks of the table is allowed, what is allowed is asked for, and the rest is denied."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.cdk.constructs import hot_store
from linkage.contracts import items
from linkage.domain.ids import FIRST_PARTY_BOT
from tests.infra.assembly import Assembly, Resource
from tests.infra.rights.calls import calls_of
from tests.infra.rights.drives import DRIVES, calls_by_function
from tests.infra.rights.policies import (
    INDEX,
    LEADING_KEYS,
    TABLE,
    Call,
    allows,
    is_allowed,
    listed,
    matches,
    statements_on_items,
)


@pytest.fixture(scope="module")
def used() -> dict[str, set[Call]]:
    """What each function asked for, by its entry point."""
    return {name: calls for drive in DRIVES for name, calls in calls_by_function(drive).items()}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_what_a_function_asks_for_is_allowed(
    assemblies: Callable[[str], Assembly], used: dict[str, set[Call]], stage: str
) -> None:
    assembly = assemblies(stage)
    for entry_point, calls in used.items():
        statements = statements_on_items(assembly, entry_point)
        denied = [call for call in calls if not is_allowed(statements, call)]
        assert denied == [], entry_point
        assert bool(calls) == bool(statements), entry_point


def test_what_a_function_is_allowed_it_asks_for(
    assemblies: Callable[[str], Assembly], used: dict[str, set[Call]]
) -> None:
    assembly = assemblies("prod")
    for entry_point in assembly.functions():
        for statement in statements_on_items(assembly, entry_point):
            for action in listed(statement["Action"]):
                for pattern in _patterns(statement):
                    assert any(
                        call.action == action and allows(statement, call) and matches(pattern, key)
                        for call in used[entry_point]
                        for key in call.keys
                    ), (entry_point, action, pattern)


def test_the_patterns_are_those_of_the_items() -> None:
    assert {
        hot_store.SIGNALS: f"{items.SIGNAL_PREFIX}*",
        hot_store.OWN_SIGNALS: f"{items.SIGNAL_PREFIX}{FIRST_PARTY_BOT}#*",
        hot_store.SNAPSHOTS: f"{items.SNAPSHOT_PREFIX}*",
        hot_store.RUNS: f"{items.RUN_PREFIX}*",
        hot_store.BOTS: items.BOT_PK,
        hot_store.TOKENS: f"{items.TOKEN_PREFIX}*",
        hot_store.SWITCH: items.SWITCH_PK,
        hot_store.STATES: f"{items.STATE_PREFIX}*",
        hot_store.PAPER: items.PAPER_PREFIX,
        hot_store.REPORTS: f"{items.REPORT_PREFIX}*",
    }.items() <= {(name, name) for name in vars(hot_store).values() if isinstance(name, str)}


@pytest.mark.parametrize(
    ("condition", "keys", "allowed"),
    [
        ({"ForAllValues:StringLike": {LEADING_KEYS: ["RUN#*"]}}, ("RUN#1", "RUN#2"), True),
        ({"ForAllValues:StringLike": {LEADING_KEYS: ["RUN#*"]}}, ("RUN#1", "BOT"), False),
        ({"ForAllValues:StringLike": {LEADING_KEYS: ["RUN#*", "BOT"]}}, ("RUN#1", "BOT"), True),
        ({"ForAllValues:StringLike": {LEADING_KEYS: ["R.N#?"]}}, ("RUN#1",), False),
        ({"ForAllValues:StringEquals": {LEADING_KEYS: ["RUN#*"]}}, ("RUN#1",), False),
        ({"ForAllValues:StringEquals": {LEADING_KEYS: ["BOT"]}}, ("BOT",), True),
        ({"ForAllValues:StringEquals": {LEADING_KEYS: ["BOT"]}}, (), True),
        ({}, ("BOT",), True),
    ],
)
def test_the_evaluator_reads_a_condition_as_iam_does(
    condition: Resource, keys: tuple[str, ...], allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE, "Condition": condition}
    assert allows(statement, Call("dynamodb:GetItem", keys)) is allowed
    assert not allows(statement, Call("dynamodb:PutItem", keys))
    assert not allows(statement, Call("dynamodb:GetItem", keys, INDEX))


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny"},
        {"Condition": {"StringLike": {LEADING_KEYS: ["BOT"]}}},
        {"Condition": {"ForAllValues:StringLike": {"dynamodb:Attributes": ["body"]}}},
    ],
)
def test_the_evaluator_guesses_nothing(statement: Resource) -> None:
    whole = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE, **statement}
    with pytest.raises(NotImplementedError):
        allows(whole, Call("dynamodb:GetItem", ("BOT",)))


def test_an_operation_whose_keys_nobody_thought_of_fails_the_test() -> None:
    with pytest.raises(NotImplementedError):
        list(calls_of("Scan", {"TableName": "t"}))


def _patterns(statement: Resource) -> list[str]:
    conditions = statement.get("Condition")
    if conditions is None:
        return ["*"]
    ((_, operand),) = conditions.items()
    return [str(pattern) for pattern in operand[LEADING_KEYS]]
