"""A small evaluator of IAM: allowed or not, with conditions on the partition keys of a DynamoDB request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linkage.contracts import items
from tests.infra.assembly import Assembly, Resource, text_of

TABLE = "arn:aws:dynamodb:eu-central-1:123456789012:table/linkage"
INDEX = f"{TABLE}/index/{items.HOUR_INDEX}"
LEADING_KEYS = "dynamodb:LeadingKeys"
STREAM_ACTIONS = {
    f"dynamodb:{name}" for name in ("ListStreams", "DescribeStream", "GetRecords", "GetShardIterator")
}


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """A request as IAM sees it.

    Attributes:
        action: such as ``dynamodb:GetItem``.
        keys: every partition key that it names; of an index, its own.
        resource: the table, or its index.
    """

    action: str
    keys: tuple[str, ...]
    resource: str = TABLE


def allows(statement: Resource, call: Call) -> bool:
    """Return whether a statement allows a call.

    Raises:
        NotImplementedError: it holds something that is not evaluated here.
    """
    if statement["Effect"] != "Allow" or "NotAction" in statement or "NotResource" in statement:
        raise NotImplementedError(statement)
    return (
        any(matches(action, call.action) for action in listed(statement["Action"]))
        and any(matches(_arn(resource), call.resource) for resource in listed(statement["Resource"]))
        and all(
            _holds(operator, operand, call) for operator, operand in statement.get("Condition", {}).items()
        )
    )


def matches(pattern: str, text: str) -> bool:
    """Compare as ``StringLike`` does: ``*`` is any text, ``?`` one character, and there is nothing else."""
    wild = {"*": ".*", "?": "."}
    return re.fullmatch("".join(wild.get(letter, re.escape(letter)) for letter in pattern), text) is not None


def listed(value: Any) -> list[Any]:
    """Return a value that may stand alone as a list."""
    return value if isinstance(value, list) else [value]


def statements_on_items(assembly: Assembly, entry_point: str) -> list[Resource]:
    """Return what a function's role says about DynamoDB, but for reading the table's stream."""
    (function,) = (name for name, known in assembly.function_ids().items() if known == entry_point)
    role = assembly.templates["service"]["Resources"][function]["Properties"]["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for policy in assembly.all("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
        if any(action == "*" or action.startswith("dynamodb:") for action in listed(statement["Action"]))
        if not set(listed(statement["Action"])) <= STREAM_ACTIONS
    ]


def is_allowed(statements: Sequence[Resource], call: Call) -> bool:
    """Return whether one of the statements allows a call by itself, as IAM has it."""
    return any(allows(statement, call) for statement in statements)


def _holds(operator: str, operand: Mapping[str, Any], call: Call) -> bool:
    if operator not in ("ForAllValues:StringLike", "ForAllValues:StringEquals") or set(operand) != {
        LEADING_KEYS
    }:
        raise NotImplementedError(operator)
    patterns = listed(operand[LEADING_KEYS])
    if operator.endswith("Equals"):
        return all(key in patterns for key in call.keys)
    return all(any(matches(pattern, key) for pattern in patterns) for key in call.keys)


def _arn(resource: object) -> str:
    """Return a resource as an ARN: the table's is a reference to an export of the data stack."""
    return re.sub(r"\{[^}]*HotStoreTable[^}]*\}", TABLE, text_of(resource))
