"""``linkage verify``: the ledger, compared with what is computed from its facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from cli.cloud import PROBLEM, JsonOption, cloud_of
from cli.output import print_json, print_table


def verify(context: typer.Context, as_json: JsonOption = False) -> None:
    """Compute everything afresh from the facts and compare. Exit code 1 when a row differs."""
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "verify"}, read_timeout=900)
    result: Mapping[str, Any] = reply["result"]
    if as_json:
        print_json(result)
    else:
        print_table(
            ("invariant", "rows", "violations"),
            [(check["name"], check["rows"], _offences(check)) for check in result["checks"]],
        )
    if not result["holds"]:
        raise typer.Exit(PROBLEM)


def _offences(check: Mapping[str, Any]) -> str:
    shown = ", ".join(check["offenders"][:3])
    return "none" if not check["offences"] else f"{check['offences']}: {shown}"
