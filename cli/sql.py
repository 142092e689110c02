"""``linkage sql``: one statement on the ledger, read only."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cli.cloud import PROBLEM, JsonOption, cloud_of
from cli.output import print_json, print_table, say


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="SQL statement; - reads standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Run one SQL statement, read only. Exit code 1 when the statement is at fault."""
    text = sys.stdin.read() if query == "-" else query
    reply = cloud_of(context).invoke("QueryLedgerFunction", {"sql": text})
    if not reply["ok"]:
        say(f"linkage: {reply['error']}")
        raise typer.Exit(PROBLEM)
    if as_json:
        print_json({name: reply[name] for name in ("columns", "rows", "truncated")})
        return
    print_table(reply["columns"], reply["rows"])
    rows = len(reply["rows"])
    say(f"{rows} row{'' if rows == 1 else 's'}{', and there are more' if reply['truncated'] else ''}")
