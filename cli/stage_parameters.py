"""The strategy of a stage, its parameters, and what changes from one set of them to another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.cloud import Cloud, CommandError
from functions.sighook.settings import REFERENCE_STRATEGY
from linkage.adapters.aws.ssm_parameters import SsmParameters
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.contracts.state import RunState
from linkage.domain.changes import changes_between
from linkage.domain.errors import ConfigurationError
from linkage.domain.snapshots import MAIN_ARM
from linkage.domain.universe import parse_universe
from linkage.strategy.arms import Arm, default_arms, parse_arms
from linkage.strategy.plugin import Strategy, load_strategy

CURRENT = "current"
MAX_DOCUMENT = 4096
"""Bytes of a standard parameter in Parameter Store."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The strategy of a stage and its parameters.

    Attributes:
        symbols: the universe, as configured; a part of every snapshot.
        document: in Parameter Store now; None when there is none.
        problem: why that document is not valid.
        arms: in force: the document's, or those of the last valid document.
    """

    strategy: Strategy[Any]
    symbols: str
    document: str | None
    problem: ConfigurationError | None
    arms: Sequence[Arm]


def stage_of(cloud: Cloud) -> Stage:
    """Return the strategy of a stage and its parameters."""
    environment = _environment(cloud)
    strategy = load_strategy(environment.get("LINKAGE_STRATEGY") or REFERENCE_STRATEGY)
    universe = parse_universe(environment.get("LINKAGE_SYMBOLS") or "*")
    document = SsmParameters(cloud.output("ParametersName"), cloud.client("ssm")).document()
    problem = None
    arms: Sequence[Arm]
    try:
        arms = default_arms(strategy) if document is None else parse_arms(strategy, document)
    except ConfigurationError as error:
        problem, arms = error, _last_valid(cloud, strategy)
    return Stage(strategy=strategy, symbols=str(universe), document=document, problem=problem, arms=arms)


def content_of(stage: Stage, arm: Arm) -> Mapping[str, Any]:
    """Return what the snapshot of an arm holds."""
    return stage.strategy.describe(arm.parameters, symbols=stage.symbols)


def snapshot_id_of(stage: Stage, arm: Arm) -> object:
    """Return the id of the snapshot that an arm's decisions are made with."""
    return stage.strategy.snapshot(arm.parameters, symbols=stage.symbols).snapshot_id


def changes_of_arms(stage: Stage, wanted: Sequence[Arm]) -> list[str]:
    """Return the changes from a stage's arms to others as sentences, with the arm where there are several."""
    before, after = ({arm.name: arm for arm in arms} for arms in (stage.arms, wanted))
    several = len(before.keys() | after.keys()) > 1
    changes: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        prefix = f"{name}: " if several else ""
        old, new = before.get(name), after.get(name)
        if new is None:
            changes.append(f"{prefix}the arm ends")
            continue
        if old is None:
            changes.append(f"{prefix}a new arm with a share of {new.share}")
            old = before.get(MAIN_ARM, stage.arms[0])
        elif old.share != new.share:
            changes.append(f"{prefix}share {old.share} → {new.share}")
        if old.label != new.label:
            changes.append(f"{prefix}label {old.label or 'none'} → {new.label or 'none'}")
        changed = changes_between(content_of(stage, old), content_of(stage, new))
        changes += [prefix + change.text for change in changed]
    return changes


def read_document(file: Path) -> str:
    """Return the text of a parameter document.

    Raises:
        CommandError: there is none, or Parameter Store does not take it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    if not text.strip():
        raise CommandError(f"{file} is empty; {{}} gives every parameter its default")
    if len(text.encode()) > MAX_DOCUMENT:
        raise CommandError(f"{file} is larger than {MAX_DOCUMENT} bytes, which Parameter Store does not take")
    return text


def parameters_named(cloud: Cloud, name: str, arm: str) -> Mapping[str, Any]:
    """Return the parameters that a person names: what is in force, a file's, or a snapshot's."""
    if name == CURRENT:
        stage = stage_of(cloud)
        return content_of(stage, _arm_named(stage.arms, arm))
    path = Path(name)
    if path.is_file():
        stage = stage_of(cloud)
        return content_of(stage, _arm_named(parse_arms(stage.strategy, read_document(path)), arm))
    quoted = name.replace("'", "''")
    rows = query_ledger(
        cloud,
        # The statement may only read, whatever is in it.
        "SELECT snapshot_id::text, parameters FROM strategy_snapshots WHERE parameters IS NOT NULL AND"  # noqa: S608
        f" (starts_with(snapshot_id::text, lower('{quoted}')) OR label = '{quoted}')"
        " ORDER BY first_seen_at DESC LIMIT 2",
    )
    if not rows:
        raise CommandError(f"{name!r} is no file, and no snapshot that the ledger has a description of")
    if len(rows) > 1:
        raise CommandError(f"{name!r} stands for several snapshots; give more of the id")
    return decoded(rows[0]["parameters"])


def _arm_named(arms: Sequence[Arm], name: str) -> Arm:
    named = {arm.name: arm for arm in arms}
    if name not in named:
        raise CommandError(f"there is no arm {name!r}; the document has {', '.join(named)}")
    return named[name]


def query_ledger(cloud: Cloud, statement: str) -> list[dict[str, Any]]:
    """Return the rows of a statement that only reads.

    Raises:
        CommandError: the ledger did not answer.
    """
    reply = cloud.invoke("QueryLedgerFunction", {"sql": statement})
    if not reply["ok"]:
        raise CommandError(f"the ledger did not answer: {reply['error']}")
    return [dict(zip(reply["columns"], row, strict=True)) for row in reply["rows"]]


def decoded(parameters: str) -> Mapping[str, Any]:
    """Return a snapshot's parameters from the text in which the query function gives ``jsonb``."""
    decoded: Mapping[str, Any] = json.loads(parameters)
    return decoded


def _environment(cloud: Cloud) -> Mapping[str, str]:
    reply = cloud.client("lambda").get_function_configuration(FunctionName=cloud.output("SighookFunction"))
    variables: Mapping[str, str] = reply.get("Environment", {}).get("Variables", {})
    return variables


def _last_valid(cloud: Cloud, strategy: Strategy[Any]) -> Sequence[Arm]:
    """Return the arms of the last document that a run accepted, as the run itself falls back."""
    text, _ = DynamoStateStore(cloud.output("TableName"), cloud.client("dynamodb")).load(
        strategy.name, MAIN_ARM
    )
    run_state = RunState.model_validate_json(text) if text else RunState()
    try:
        return (
            default_arms(strategy) if run_state.document is None else parse_arms(strategy, run_state.document)
        )
    except ConfigurationError:
        return default_arms(strategy)
