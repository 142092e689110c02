"""``linkage params``: what is in force, what a document changes, and what was in force before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli.params import next_run
from functions.query_ledger.handler import query_ledger
from functions.sighook.run_state import state_to_store
from linkage.adapters.dynamodb.signals import DynamoSignalStore
from linkage.adapters.dynamodb.state import DynamoStateStore
from linkage.contracts.signals import SnapshotDescription
from linkage.domain.canonical import iso_utc
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from linkage.strategy.arms import parse_arms
from linkage.strategy.state import StrategyState
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.cli.deployed import WorldCloud, run
from tests.scenarios.world import World
from tests.support.events import NOW

NAME = "/linkage/test/strategy"
ARMS = "rsi_buy = 30\n[arms.main]\nshare = 0.5\n[arms.bold]\nshare = 0.5\nweights.rsi = 3\n"


class ParametersCloud(WorldCloud):
    """A stage with a parameter and an operator's query function."""

    def output(self, name: str) -> str:
        """Name what the commands need."""
        known = {
            "ParametersName": NAME,
            "SighookFunction": "run-strategy",
            "TableName": self.world.table.name,
        }
        return known.get(name) or super().output(name)

    def client(self, service: str, *, read_timeout: float = 60, max_attempts: int = 3) -> Any:
        """Reach moto, where there are no functions."""
        return Functions() if service == "lambda" else aws.client(service)

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        """Answer queries as the deployed function does."""
        if output_name != "QueryLedgerFunction":
            return super().invoke(output_name, payload)
        with pytest.MonkeyPatch.context() as environment, redirect_stdout(StringIO()):
            for name, value in self.world.database.settings("sql_reader").items():
                environment.setenv(f"LINKAGE_{name.upper()}", str(value))
            try:
                return json.loads(json.dumps(query_ledger(payload, None), default=str))
            finally:
                reset()


class Functions:
    """Knows the environment of sighook."""

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        """As Lambda does."""
        return {"Environment": {"Variables": {"LINKAGE_SYMBOLS": "*"}}}


@pytest.fixture
def cloud(world: World) -> ParametersCloud:
    return ParametersCloud(world)


def write(text: str) -> None:
    aws.client("ssm").put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


def stored() -> str | None:
    client = aws.client("ssm")
    try:
        return str(client.get_parameter(Name=NAME)["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return None


def file(folder: Path, text: str) -> str:
    path = folder / "parameters.toml"
    path.write_text(text)
    return str(path)


def describe(world: World, document: str, at: str) -> str:
    """Let a run with this document be in the ledger, and return its snapshot."""
    (arm,) = parse_arms(MATRIX, document)
    assert isinstance(arm.parameters, Parameters)
    snapshot = MATRIX.snapshot(arm.parameters, symbols="*", label=arm.label)
    description = SnapshotDescription(
        snapshot_id=snapshot.snapshot_id, strategy="matrix", code_version=snapshot.code_version,
        label=snapshot.label, parameters=dict(snapshot.parameters),
    )  # fmt: skip
    store = DynamoSignalStore(world.table.name, world.table.client, world.clock)
    fact = description.fact_text(snapshot, "sighook", iso_utc(NOW))
    store.put_snapshot(str(snapshot.snapshot_id), snapshot.config_hash, fact=fact, received_at=NOW)
    world.run(snapshot.snapshot_id, at)
    world.stream()
    return str(snapshot.snapshot_id)


def test_without_a_document_everything_has_its_default(cloud: ParametersCloud) -> None:
    shown = json.loads(run(cloud, "params", "show", "--json").stdout)
    assert shown["arms"]["main"]["overridden"] == []
    assert {field["path"]: field["default"] for field in shown["fields"]} == shown["arms"]["main"][
        "parameters"
    ]
    rsi = next(field for field in shown["fields"] if field["path"] == "rsi_buy")
    assert rsi == {"path": "rsi_buy", "unit": "0 to 100", "bounds": "≥ 0, ≤ 100", "default": "35"}


def test_every_arm_is_shown_and_what_is_overridden_is_marked(cloud: ParametersCloud) -> None:
    write(ARMS)
    shown = json.loads(run(cloud, "params", "show", "--json").stdout)
    assert {name: arm["overridden"] for name, arm in shown["arms"].items()} == {
        "main": ["rsi_buy"], "bold": ["rsi_buy", "weights.rsi"],
    }  # fmt: skip
    table = run(cloud, "params", "show").stdout
    assert "bold (0.5)" in table
    assert "30 *" in table


def test_a_good_document_is_written_with_its_changes_in_words(cloud: ParametersCloud, tmp_path: Path) -> None:
    result = run(cloud, "params", "set", file(tmp_path, "rsi_buy = 30\n[weights]\nrsi = 3.0\n"))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["rsi_buy 35 → 30", "weights.rsi 2.5 → 3"]
    assert stored() == "rsi_buy = 30\n[weights]\nrsi = 3.0\n"
    with_arms = run(cloud, "params", "set", file(tmp_path, ARMS))
    assert with_arms.stdout.splitlines() == [
        "bold: a new arm with a share of 0.5", "main: share 1 → 0.5", "main: weights.rsi 3 → 2.5",
    ]  # fmt: skip
    assert "the arm ends" in run(cloud, "params", "set", file(tmp_path, "rsi_buy = 30")).stdout


BAD = {
    "rsi_bye = 30": "rsi_bye",
    'rsi_buy = "30"': "rsi_buy",
    "rsi_buy = 130": "rsi_buy",
    ARMS.replace("weights.rsi", "weights.rsy"): "arms.bold.weights.rsy",
    "rsi_buy = ": "neither TOML nor JSON",
    " ": "is empty",
    f"# {'x' * 4096}": "larger than 4096",
}


def test_a_bad_document_is_refused_with_its_path_and_nothing_is_written(
    cloud: ParametersCloud, tmp_path: Path
) -> None:
    for text, path in BAD.items():
        result = run(cloud, "params", "set", file(tmp_path, text))
        assert (result.exit_code, path in result.stderr) == (2, True), result.stderr
    assert stored() is None


def test_a_dry_run_writes_nothing(cloud: ParametersCloud, tmp_path: Path) -> None:
    result = run(cloud, "params", "set", file(tmp_path, "rsi_buy = 30"), "--dry-run", "--json")
    assert json.loads(result.stdout)["changes"] == ["rsi_buy 35 → 30"]
    assert stored() is None


def test_while_the_document_is_bad_the_last_good_one_is_shown_and_the_exit_code_tells(
    cloud: ParametersCloud,
) -> None:
    state = state_to_store(StrategyState(), attempted_at=NOW, document="rsi_buy = 31", snapshots={})
    states = DynamoStateStore(cloud.world.table.name, cloud.world.table.client)
    states.save("matrix", "main", body=state.model_dump_json(), version=0, saved_at=NOW)
    write("rsi_bye = 30")
    result = run(cloud, "params", "show", "--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout.split("\nThe document")[0])
    assert shown["problem"] == "rsi_bye: there is no such field"
    assert shown["arms"]["main"]["parameters"]["rsi_buy"] == "31"


def test_snapshots_files_and_what_is_in_force_are_compared_in_words(
    cloud: ParametersCloud, tmp_path: Path
) -> None:
    first = describe(cloud.world, "rsi_buy = 32", "2026-11-22T18:00:00Z")
    describe(cloud.world, 'rsi_buy = 31\nlabel = "calm"', "2026-11-22T18:05:00Z")
    assert run(cloud, "params", "diff", first[:8], "calm").stdout == "rsi_buy 32 → 31\n"
    assert run(cloud, "params", "diff", "calm").stdout == "rsi_buy 31 → 35\n"
    assert run(cloud, "params", "diff", "current", file(tmp_path, ARMS), "--arm", "main").exit_code == 0
    assert "no file, and no snapshot" in run(cloud, "params", "diff", "it's").stderr
    assert "there is no arm 'other'" in run(cloud, "params", "diff", "current", "--arm", "other").stderr


def test_history_shows_when_and_what_changed_and_who_wrote_it(cloud: ParametersCloud) -> None:
    describe(cloud.world, "rsi_buy = 32", "2026-11-22T18:00:00Z")
    describe(cloud.world, 'rsi_buy = 31\nlabel = "calm"', "2026-11-22T18:05:00Z")
    for text in ("rsi_buy = 32", "rsi_bye = 1", "rsi_buy = 31"):
        write(text)
    history = json.loads(run(cloud, "params", "history", "--json").stdout)
    assert [activation["changes"] for activation in history["activations"]] == [
        ["rsi_buy 32 → 31"],
        ["the first one"],
    ]
    assert [activation["label"] for activation in history["activations"]] == ["calm", None]
    assert [document["changes"][0][:15] for document in history["documents"]] == [
        "rsi_buy 32 → 31", "refused: rsi_by", "rsi_buy 35 → 32",
    ]  # fmt: skip
    assert all(document["by"] for document in history["documents"])
    assert "calm" in run(cloud, "params", "history").stdout


def test_a_document_counts_from_the_next_multiple_of_the_interval() -> None:
    at = datetime(2026, 11, 22, 18, 3, 12, 7, tzinfo=UTC)
    assert next_run(at, 300) == datetime(2026, 11, 22, 18, 5, tzinfo=UTC)
