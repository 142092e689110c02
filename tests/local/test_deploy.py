"""What the CDK CLI and the emulator are told, and what they never learn."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra import folders
from infra.cdk.stages import CONTEXT_NAMES
from local import deploy
from local.deploy import CDK_VERSION, Deployment, DeploymentError, StageOptions, check_machine
from local.emulator import Emulator
from local.processes import MissingToolError
from local.state import LocalState


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    return LocalState(
        directory=str(tmp_path),
        endpoint_url="https://127.0.0.1:4566",
        region="us-east-1",
        access_key_id="test",
        secret_access_key="test",
        ca_file="/ca.pem",
        postgres_port=5433,
        postgres_ca_file="/pg-ca.pem",
        postgres_passwords={"reader": "r"},
    )


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of Node: what it does is up to the test."""
    program = tmp_path / "node"
    monkeypatch.setattr(deploy, "_node_folder", lambda: tmp_path)
    monkeypatch.setattr(deploy, "cdk_program", lambda: Path("cdk"))
    return program


def write(program: Path, script: str) -> None:
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o755)


def a_deployment(state: LocalState, tmp_path: Path, groups: list[tuple[int, bool]]) -> Deployment:
    return Deployment(
        state,
        StageOptions(recipients=("a@example.com", "b@example.com"), broker=False),
        assembly=tmp_path / "run" / "cdk.out",
        log_file=tmp_path / "logs" / "deploy.log",
        source=tmp_path,
        watcher=lambda group, running: groups.append((group, running)),
    )


def test_every_context_value_is_one_that_the_app_knows(state: LocalState) -> None:
    context = StageOptions(recipients=("a@example.com", "b@example.com"), broker=False).context(state)
    assert context.keys() <= set(CONTEXT_NAMES)
    assert context["recipients"] == "a@example.com,b@example.com"
    assert (context["broker"], context["replay"]) == ("false", "true")
    assert json.loads(context["db_passwords"]) == {"reader": "r"}


def test_the_tools_see_the_emulator_and_nothing_of_the_callers_aws(
    state: LocalState, tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "123456789012")
    write(
        tool, "import json, os, sys; sys.stdout.write(json.dumps([sys.argv[2:], dict(os.environ)]) + chr(10))"
    )
    groups: list[tuple[int, bool]] = []
    a_deployment(state, tmp_path, groups).run()

    calls = [json.loads(line) for line in (tmp_path / "logs" / "deploy.log").read_text().splitlines()]
    assert sorted(arguments[0] for arguments, _environment in calls) == ["bootstrap", "deploy", "synth"]
    for arguments, environment in calls:
        assert environment["AWS_ENDPOINT_URL"] == state.endpoint_url
        assert environment["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
        assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "CDK_DEFAULT_ACCOUNT"} & environment.keys()
        assert environment["CDK_HOME"].startswith(str(tmp_path / "run"))
        assert "--no-notices" in arguments
    assert sorted(running for _group, running in groups) == [False, False, False, True, True, True]


def test_a_failed_tool_is_told_by_its_own_last_words(state: LocalState, tmp_path: Path, tool: Path) -> None:
    write(tool, "import sys; print('fine'); print('Error: no such bucket'); print('bye'); sys.exit(1)")
    with pytest.raises(DeploymentError, match="Error: no such bucket") as caught:
        a_deployment(state, tmp_path, []).run()
    assert "bye" not in str(caught.value)
    assert caught.value.log_file.read_text().count("fine") >= 1


def test_the_cdk_cli_that_is_there_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "_node_folder", lambda: tmp_path / "no-node")
    program = tmp_path / ".local" / f"cdk-cli-{CDK_VERSION}" / "node_modules" / "aws-cdk" / "bin" / "cdk"
    program.parent.mkdir(parents=True)
    program.touch()
    assert deploy.cdk_program() == program


def test_an_installation_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(folders, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "_node_folder", lambda: tmp_path)
    write(tool, "import sys; sys.exit('npm error network unreachable')")
    with pytest.raises(MissingToolError, match="network unreachable"):
        deploy.cdk_program()
    assert list((tmp_path / ".local").iterdir()) == []


def test_what_is_missing_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000_000))
    with pytest.raises(MissingToolError, match=r"1\.0 GB free"):
        check_machine(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_functions_inherit_nothing_of_the_callers_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("DATABASE_PASSWORD", "mine")
    environment = Emulator(tmp_path, tmp_path / "log", port=1, plain_port=2)._environment(tmp_path)
    assert environment["AUTH"] == "true"
    assert "mine" not in environment.values()
