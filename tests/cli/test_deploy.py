"""`linkage deploy` and `linkage destroy` say exactly what they do to an account."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from typer.testing import CliRunner

from cli.main import app
from infra.cdk.stages import CONTEXT_NAMES


def run(*arguments: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.output.splitlines()


def test_a_deployment_names_its_stage_and_only_what_was_given() -> None:
    assert run("--stage", "dev", "deploy", "--dry-run") == (
        0,
        ["cdk deploy --all --require-approval broadening -c stage=dev"],
    )


def test_the_account_is_prepared_first_when_asked() -> None:
    code, lines = run("--stage", "prod", "--profile", "mine", "deploy", "--bootstrap", "--dry-run")
    assert code == 0
    assert [line.split()[1] for line in lines] == ["bootstrap", "deploy"]
    assert all("-c stage=prod --profile mine" in line for line in lines)


def test_every_value_that_can_be_given_is_one_that_the_stages_understand() -> None:
    given = {
        "sender": "a@b.c",
        "recipients": "d@e.f",
        "alarm-recipients": "g@h.i",
        "market": "ccxt:x",
        "symbols": "*",
    }
    flags = [part for name, value in given.items() for part in (f"--{name}", value)]
    _, lines = run("deploy", "--dry-run", *flags)
    words = shlex.split(lines[0])
    contexts = {words[i + 1].partition("=")[0] for i, word in enumerate(words) if word == "-c"}
    assert contexts == {"stage", *(name.replace("-", "_") for name in given)}
    assert contexts <= set(CONTEXT_NAMES)


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_the_local_stage_is_not_deployed_to_an_account(command: str) -> None:
    code, lines = run("--stage", "local", command, "--dry-run")
    assert code == 2
    assert "linkage local" in lines[0]


def test_removal_names_the_stage() -> None:
    assert run("--stage", "dev", "destroy", "--dry-run") == (0, ["cdk destroy --all -c stage=dev"])


def test_the_region_is_the_one_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--region", "eu-west-1", "destroy", "--dry-run") == (
        0,
        ["AWS_REGION=eu-west-1 cdk destroy --all -c stage=dev"],
    )
    environments = []

    def cdk(_command: object, *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        environments.append(env)
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(subprocess, "run", cdk)
    assert run("--region", "eu-west-1", "destroy")[0] == 0
    assert environments[0]["AWS_REGION"] == environments[0]["AWS_DEFAULT_REGION"] == "eu-west-1"
