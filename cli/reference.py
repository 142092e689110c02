"""Writes docs/cli.md from the commands themselves: ``python -m cli.reference``, or ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator

from typer.core import TyperGroup
from typer.testing import CliRunner

from cli.commands import COMMANDS, Entry, load_command
from cli.main import app
from local.state import ROOT

PAGE = ROOT / "docs" / "cli.md"

PREFACE = """\
# The command

`linkage` talks to one stage: the one of `--stage`, else of `LINKAGE_STAGE`, else `local` when the local
cloud is up, else `dev`. This page is made by `make docs` from what `--help` prints after each command.

- **Output**: tables for people, JSON with `--json`; remarks go to standard error.
- **Exit code**: 0 when all is well; 1 when the command did its work and found a problem (an order is lost, a
  check failed); 2 when it could not do its work (usage, connection, credentials).
- **AWS**: credentials are found as by every AWS tool (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
  `AWS_SESSION_TOKEN`; profiles, single sign-on and roles of `~/.aws`; the machine's own role). `--profile` or
  `AWS_PROFILE` chooses a profile; `--region`, `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile, in this
  order, the region; `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` other endpoints; `AWS_CA_BUNDLE` an
  authority of your own. The local stage ignores them all.
- **Times** without a zone are UTC. A period includes its start and excludes its end.
"""


def reference() -> str:
    """Return the page."""
    sections = [PREFACE, _section(()), *(section for entry in COMMANDS for section in _sections(entry))]
    return "\n".join(sections)


def _sections(entry: Entry) -> Iterator[str]:
    yield _section((entry.name,))
    command = load_command(entry)
    if isinstance(command, TyperGroup):
        for subcommand in command.commands:
            yield _section((entry.name, subcommand))


def _section(path: tuple[str, ...]) -> str:
    title = " ".join(("linkage", *path))
    shown = CliRunner(env={"COLUMNS": "80", "LINKAGE_STAGE": ""}).invoke(
        app, [*path, "--help"], prog_name="linkage"
    )
    text = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
    return f"{'##' if len(path) < 2 else '###'} {title}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
