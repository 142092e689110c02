"""The state file: every command finds the local cloud by it, and survives a broken one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from local.state import FILE_NAME, LocalState, local_directory


def a_state(directory: Path) -> LocalState:
    return LocalState(
        directory=str(directory),
        endpoint_url="http://127.0.0.1:4566",
        region="us-east-1",
        access_key_id="test",
        secret_access_key="test",
        postgres_passwords={"reader": "r"},
    )


def test_a_saved_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = a_state(tmp_path / "new")
    state.save()
    assert LocalState.load(tmp_path / "new") == state


def test_only_its_owner_may_read_the_passwords_in_it(tmp_path: Path) -> None:
    assert stat.S_IMODE(a_state(tmp_path).save().stat().st_mode) == 0o600


def test_saving_leaves_no_draft_behind(tmp_path: Path) -> None:
    a_state(tmp_path).save()
    a_state(tmp_path).save()
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"directory": "x"}', "null", '"text"'])
def test_a_file_that_cannot_be_understood_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert LocalState.load(tmp_path) is None


def test_a_missing_file_counts_as_none(tmp_path: Path) -> None:
    assert LocalState.load(tmp_path) is None


def test_a_field_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    path = a_state(tmp_path).save()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert LocalState.load(tmp_path) == a_state(tmp_path)


def test_forgetting_twice_is_harmless(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    state.save()
    state.remove()
    state.remove()
    assert LocalState.load(tmp_path) is None


def test_the_environment_points_every_client_at_the_emulator(tmp_path: Path) -> None:
    environment = a_state(tmp_path).environment()
    assert environment["AWS_ENDPOINT_URL"] == environment["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4566"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"


def test_the_directory_can_be_chosen_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINKAGE_LOCAL_DIR", str(tmp_path))
    assert local_directory() == tmp_path
    monkeypatch.delenv("LINKAGE_LOCAL_DIR")
    assert local_directory().name == ".local"
