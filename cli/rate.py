"""``linkage rate``: how many orders are linked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from cli.cloud import PROBLEM, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from cli.period import FromOption, HoursOption, UntilOption, period_of

if TYPE_CHECKING:
    from linkage.contracts.report import ModeRates, Rate


def rate(
    context: typer.Context,
    hours: HoursOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the three linkage rates. Exit code 1 when an order is lost or in conflict."""
    period = period_of(hours, since, until, now=datetime.now(UTC))
    reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "rates", **period})
    # The request is on its way before anything is imported that only its answer needs.
    from linkage.contracts.report import RatesDocument

    document = RatesDocument.model_validate(reply["result"])
    if as_json:
        print_json(document.model_dump(mode="json"))
    elif not document.modes:
        say(f"No orders and no signals from {period['start']} to {period['end']}.")
    else:
        for rates in document.modes:
            _print_rates(rates)
    if any(rates.lost or rates.conflict for rates in document.modes):
        raise typer.Exit(PROBLEM)


def _print_rates(rates: ModeRates) -> None:
    apart = [
        ("pending, apart", rates.pending),
        ("lost", rates.lost),
        ("conflict", rates.conflict),
        ("signals suppressed", rates.signals_suppressed),
    ]
    print_table(
        ("rate", "of", "count", "percent"),
        [
            ("expected orders linked", *_cells(rates.expected)),
            ("all executed orders linked", *_cells(rates.executed)),
            ("signals that became an order", *_cells(rates.signals)),
            *((name, None, value, None) for name, value in apart if value),
        ],
        title=f"mode {rates.mode}",
    )


def _cells(rate: Rate) -> tuple[object, ...]:
    return rate.whole, rate.part, None if rate.percent is None else f"{rate.percent} %"
