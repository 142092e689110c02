"""What `make` does on machines that are not as they should be."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# An interpreter that has no pip until somebody asks it for an environment; it writes down what it was asked.
PYTHON = """\
#!/bin/sh
echo "$*" >> "{log}"
case "$*" in
  "-m venv "*) touch "{pip}" ;;
  "-m pip "*) test -e "{pip}" ;;
esac
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_missing_interpreter_is_said_in_one_sentence_before_anything_is_made(tmp_path: Path) -> None:
    for name in ("requirements/dev.txt", "requirements/uv.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    command = ["make", "--silent", "--file", str(ROOT / "Makefile"), ".venv/.ready", "PYTHON=python9"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "there is no python9" in done.stderr.splitlines()[0]
    assert not (tmp_path / ".venv").exists()


def test_an_old_interpreter_says_so_before_anything_is_made(tmp_path: Path) -> None:
    log = tmp_path / "log"
    python = program(tmp_path / "python", f'#!/bin/sh\necho "$*" >> "{log}"\nexit 1\n')
    for name in ("requirements/dev.txt", "requirements/uv.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    command = ["make", "--file", str(ROOT / "Makefile"), ".venv/.ready", f"PYTHON={python}"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert log.read_text().splitlines() == ["-m local.preflight"]


def test_make_docs_writes_every_page_that_is_generated() -> None:
    command = ["make", "--dry-run", "--silent", "--old-file", "setup", "docs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    # A module that writes a page of docs/ says where it is.
    writers = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("cli", "linkage", "strategies", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^    PAGE\.write_text\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(writers) == 2
    for module in writers:
        assert f"python -m {module}\n" in done.stdout


def test_an_environment_that_was_left_without_pip_is_completed(tmp_path: Path) -> None:
    log, pip = tmp_path / "log", tmp_path / "pip"
    script = PYTHON.format(log=log, pip=pip)
    python = program(tmp_path / "python", script)
    program(tmp_path / ".venv/bin/python", script)
    program(tmp_path / ".venv/bin/uv", "#!/bin/sh\n")
    for name in ("requirements/dev.txt", "requirements/uv.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    command = ["make", "--file", str(ROOT / "Makefile"), ".venv/.ready", f"PYTHON={python}"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "-m venv .venv" in log.read_text().splitlines()
