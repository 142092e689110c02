"""The command line: one clear line per error, and an exit code that scripts can trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from typer.testing import CliRunner

from cli.cloud import PROBLEM, Cloud, CommandError, Options, cloud_of
from cli.main import LinkageGroup, app
from linkage.domain.errors import LedgerUnavailableError
from local.state import LocalState

NO_ACCOUNT = "A stage in AWS needs credentials and AWS_REGION; on this machine: linkage local up"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No local cloud, no chosen stage, no AWS settings."""
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path))
    monkeypatch.delenv("LINKAGE_STAGE", raising=False)
    return tmp_path


def test_the_version_is_shown() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("linkage ")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (CommandError("no such bot\n  here"), 2, "linkage: no such bot here\n"),
        (CommandError("rate below target", PROBLEM), 1, "linkage: rate below target\n"),
        (LedgerUnavailableError("PostgreSQL is away"), 2, "linkage: PostgreSQL is away\n"),
        (NoCredentialsError(), 2, f"linkage: Unable to locate credentials. {NO_ACCOUNT}\n"),
        (NoRegionError(), 2, f"linkage: You must specify a region. {NO_ACCOUNT}\n"),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke"),
            2,
            "linkage: AWS refused Invoke: AccessDenied: no\n",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: Exception, exit_code: int, message: str) -> None:
    group = typer.Typer(cls=LinkageGroup)
    nested = typer.Typer()
    group.add_typer(nested, name="nested")

    @nested.command()
    def fail() -> None:
        raise error

    @nested.command()
    def other() -> None: ...

    result = CliRunner().invoke(group, ["nested", "fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (exit_code, message, "")


def test_a_stage_that_does_not_exist_is_a_usage_error(nowhere: Path) -> None:
    result = CliRunner().invoke(app, ["--stage", "production", "rate"])
    assert result.exit_code == 2
    assert result.stderr == "linkage: there is no stage 'production'; stages are local, dev, prod\n"


def test_local_commands_say_that_it_is_down(nowhere: Path) -> None:
    for command in (["mail"], ["logs"]):
        result = CliRunner().invoke(app, ["local", *command])
        assert result.exit_code == 2
        assert result.stderr == "linkage: the local cloud is not up; start it with: linkage local up\n"


def test_status_of_nothing_is_exit_code_one(nowhere: Path) -> None:
    result = CliRunner().invoke(app, ["local", "status", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"up": False, "healthy": False}


def test_a_state_whose_supervisor_is_gone_counts_as_down(nowhere: Path) -> None:
    # Process 1 exists and is no supervisor: a reused process id.
    LocalState(str(nowhere), "http://127.0.0.1:1", "us-east-1", "a", "b", supervisor_pid=1).save()
    assert CliRunner().invoke(app, ["local", "status"]).exit_code == 1
    assert CliRunner().invoke(app, ["local", "down"]).stderr == "stopped\n"
    assert LocalState.load(nowhere) is None


def test_down_says_nothing_when_asked_to_be_quiet(nowhere: Path) -> None:
    result = CliRunner().invoke(app, ["local", "down", "--quiet"])
    assert (result.exit_code, result.output) == (0, "")


def test_the_local_stage_is_the_default_only_when_it_is_up(nowhere: Path) -> None:
    assert Cloud.connect().stage == "dev"
    LocalState(str(nowhere), "http://127.0.0.1:1", "us-east-1", "a", "b").save()
    assert Cloud.connect().stage == "local"
    assert Cloud.connect("prod", "trading").profile == "trading"


def test_the_stage_can_be_chosen_by_the_environment(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKAGE_STAGE", "prod")
    assert Cloud.connect().stage == "prod"
    monkeypatch.setenv("LINKAGE_STAGE", "local")
    with pytest.raises(CommandError, match="linkage local up"):
        Cloud.connect()


def test_a_command_gets_the_cloud_that_the_options_chose(nowhere: Path) -> None:
    group = typer.Typer(cls=LinkageGroup)

    @group.callback()
    def options(context: typer.Context, stage: str) -> None:
        context.ensure_object(Options).stage = stage

    @group.command()
    def show(context: typer.Context) -> None:
        assert cloud_of(context) is cloud_of(context)
        typer.echo(cloud_of(context).stage)

    assert CliRunner().invoke(group, ["prod", "show"]).stdout == "prod\n"
