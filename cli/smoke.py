"""``linkage smoke``: what only a deployment can prove, checked without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from cli.smoke_checks import CHECKS, State, failure
from linkage.domain.errors import LinkageError


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the command's output."""

    check: str
    state: State
    found: str
    advice: str


def smoke(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only checks that are not OK.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a deployed stage from outside; it changes nothing.

    It checks stacks, API, database, runs, queues, mail, alarms and schedules. Exit code 1 when a check fails.
    """
    cloud = cloud_of(context)
    lines = list(run_checks(cloud))
    shown = [line for line in lines if line.state != "OK"] if failed else lines
    failures = [line.check for line in lines if line.state == "FAIL"]
    if as_json:
        print_json({"stage": cloud.stage, "ok": not failures, "checks": [asdict(line) for line in shown]})
    else:
        rows = [(line.check, line.state, line.found, line.advice or None) for line in shown]
        print_table(("check", "state", "found", "what to do"), rows, title=f"stage {cloud.stage}")
        say(f"{len(failures)} of {len(lines)} checks failed." if failures else "Nothing is wrong.")
    if failures:
        raise typer.Exit(PROBLEM)


def run_checks(cloud: Cloud) -> Iterator[Line]:
    """Yield a line for each check. A check that cannot be made has failed; the others go on."""
    for name, check in CHECKS.items():
        try:
            finding = check(cloud)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            text = f"AWS refused {error.operation_name}: {code}"
            finding = failure(text, "do your credentials allow it, and are they of this stage's account?")
        except CommandError as error:
            finding = failure(str(error), "deploy this stage, or name another one with --stage")
        except (BotoCoreError, LinkageError) as error:
            finding = failure(str(error), "is the service reachable from here?")
        yield Line(name, finding.state, finding.text, finding.advice)
