"""The list of commands starts at once, and says what each command says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import COMMANDS, Entry, load_command
from cli.main import app

HEAVY = {
    "aws_cdk", "boto3", "botocore.client", "botocore.session", "cryptography", "jinja2", "matplotlib",
    "numpy", "polars", "psycopg", "pydantic", "rich",
}  # fmt: skip
"""What takes long to import, and is of no use before an answer is there."""

RUN = """
import json, sys
sys.argv = ["linkage", *sys.argv[2:]]
from urllib3.connectionpool import HTTPConnectionPool
def loaded(*_arguments, **_options):
    sys.stderr.write(json.dumps(sorted(sys.modules)))
    sys.stderr.flush()
    __import__("os")._exit(0)
HTTPConnectionPool.urlopen = loaded
from cli.main import main
try:
    main()
finally:
    loaded()
"""


def modules_loaded(tmp_path: Path, *arguments: str) -> set[str]:
    """Type a command, and return what it had imported when it sent its first request or ended."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LINKAGE_LOCAL_DIR": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "eu-central-1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, "-", *arguments],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(json.loads(done.stderr))


def test_the_help_imports_no_command_and_nothing_heavy(tmp_path: Path) -> None:
    loaded = modules_loaded(tmp_path, "--help")
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"botocore"})
    assert not loaded & {f"cli.{entry.module}" for entry in COMMANDS}


@pytest.mark.parametrize(
    "arguments",
    [["rate"], ["--stage", "dev", "rate", "--json"], ["--region", "us-east-1", "sql", "SELECT 1"]],
)
def test_nothing_heavy_is_imported_before_the_first_request(tmp_path: Path, arguments: list[str]) -> None:
    loaded = modules_loaded(tmp_path, *arguments)
    assert "botocore.auth" in loaded, "no request was sent"
    assert not loaded & HEAVY


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_the_list_says_what_the_command_says_of_itself(entry: Entry) -> None:
    assert load_command(entry).get_short_help_str(limit=200) == entry.summary
    assert f"  {entry.name} " in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout


def test_no_line_of_the_list_is_cut_off() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    assert all(entry.summary in shown for entry in COMMANDS)


def test_a_command_that_is_almost_right_is_suggested() -> None:
    result = CliRunner().invoke(app, ["ratte"])
    assert result.exit_code == 2
    assert "Did you mean 'rate'" in result.stderr


def test_an_option_that_is_no_text_is_still_converted_and_checked() -> None:
    result = CliRunner().invoke(app, ["rate", "--hours", "soon"])
    assert result.exit_code == 2
    assert "Invalid value for '--hours'" in result.stderr


def test_an_argument_that_is_missing_is_still_asked_for() -> None:
    result = CliRunner().invoke(app, ["trace"])
    assert result.exit_code == 2
    assert "Missing argument" in result.stderr
