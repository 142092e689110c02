"""What must be true of the items of the table that each function reaches, by their partition keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.infra.assembly import Assembly
from tests.infra.rights.policies import INDEX, TABLE, Call, is_allowed, listed, statements_on_items

Kinds = set[str]

# One partition key of each kind; of signals, states and paper orders also somebody else's.
KEYS = {
    "signal": "SIGNAL#grid#entry-1",
    "our signal": "SIGNAL#sighook#k",
    "snapshot": "SNAPSHOT#b042c0bb",
    "run": "RUN#6bdfbec4",
    "bot": "BOT",
    "token": "TOKEN#5f70bf18",
    "switch": "SWITCH",
    "state": "STATE#matrix#main",
    "report's state": "STATE#@report#linkage",
    "paper": "PAPER#paper",
    "other paper": "PAPER#other",
    "report": "REPORT#linkage#2026-11-22T12:00:00Z",
    "nobody's": "OTHER#1",
}
SIGNALS = {"signal", "our signal"}
STATES = {"state", "report's state"}
REACHED: Mapping[str, Mapping[str, Kinds]] = {
    "receive": {
        "GetItem": {*SIGNALS, "bot", "token"},
        "BatchGetItem": SIGNALS,
        "PutItem": {*SIGNALS, "snapshot"},
        "UpdateItem": SIGNALS,
    },
    "run_strategy": {
        "GetItem": STATES,
        "BatchGetItem": {"our signal"},
        "PutItem": {*STATES, "snapshot", "run"},
    },
    "record_fills": {"GetItem": {"switch"}, "BatchGetItem": SIGNALS},
    "archive_signals": {"GetItem": {"switch"}, "BatchGetItem": SIGNALS},
    "sweep": {"GetItem": {"switch"}, "BatchGetItem": {*SIGNALS, "snapshot", "run"}, "Query": {"bot"}},
    "take_signals": {"PutItem": {"paper"}},
    "execute_orders": {"PutItem": {"paper"}, "DeleteItem": {"paper"}, "Query": {"paper"}},
    "send_report": {
        "GetItem": {"report's state"},
        "PutItem": {"report's state", "report"},
        "DeleteItem": {"report"},
    },
    "bootstrap": {"GetItem": {"bot"}, "PutItem": {"bot"}},
}
NEVER = ("Scan", "BatchWriteItem", "PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete")
ACTIONS = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem")


def each_function_reaches_its_own_items_only(assembly: Assembly) -> None:
    for entry_point in assembly.functions():
        statements = statements_on_items(assembly, entry_point)
        for action in ACTIONS:
            reached = {
                kind
                for kind, key in KEYS.items()
                if is_allowed(statements, Call(f"dynamodb:{action}", (key,)))
            }
            assert reached == REACHED.get(entry_point, {}).get(action, set()), (entry_point, action)


def nobody_reads_the_table_without_a_key(assembly: Assembly) -> None:
    for entry_point in assembly.functions():
        statements = statements_on_items(assembly, entry_point)
        for action in NEVER:
            # A condition on all keys is met by a request without any.
            assert not is_allowed(statements, Call(f"dynamodb:{action}", ())), (entry_point, action)
        for statement in statements:
            on_the_index = "/index/" in str(statement["Resource"])
            assert on_the_index or "Condition" in statement, entry_point


def the_sweep_alone_asks_the_index(assembly: Assembly) -> None:
    for entry_point in assembly.functions():
        statements = statements_on_items(assembly, entry_point)
        may = {action for action in (*ACTIONS, *NEVER) if is_allowed(statements, _on_index(action))}
        assert may == ({"Query"} if entry_point == "sweep" else set()), entry_point
        for statement in statements:
            assert len(listed(statement["Resource"])) == 1, entry_point


def the_network_leads_to_our_table_only(assembly: Assembly) -> None:
    if assembly.stage.local is not None:
        assert not assembly.all("AWS::EC2::VPCEndpoint")
        return
    policy = assembly.one("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    # Only this principal is understood in the policy of a gateway endpoint.
    assert {statement["Principal"] for statement in policy} == {"*"}
    inside = [name for name, function in assembly.functions().items() if "VpcConfig" in function]
    asked = {
        (action, str(resource))
        for entry_point in inside
        for statement in statements_on_items(assembly, entry_point)
        for action in listed(statement["Action"])
        for resource in [INDEX if "/index/" in str(statement["Resource"]) else TABLE]
    }
    assert ("dynamodb:Query", INDEX) in asked
    for action, resource in asked:
        assert is_allowed(policy, Call(action, ("BOT",), resource)), (action, resource)
    passed = {name for name in (*ACTIONS, *NEVER) if is_allowed(policy, Call(f"dynamodb:{name}", ("BOT",)))}
    assert {f"dynamodb:{name}" for name in passed} == {action for action, _ in asked}
    for action, _ in asked:
        assert not is_allowed(policy, Call(action, ("BOT",), f"{TABLE}-of-somebody-else")), action


CHECKS: tuple[Callable[[Assembly], None], ...] = (
    each_function_reaches_its_own_items_only,
    nobody_reads_the_table_without_a_key,
    the_sweep_alone_asks_the_index,
    the_network_leads_to_our_table_only,
)


def _on_index(action: str) -> Call:
    return Call(f"dynamodb:{action}", ("2026-11-22T18",), INDEX)
