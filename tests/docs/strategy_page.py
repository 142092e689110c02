"""Writes the tables of docs/strategy.md from registry and model: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from linkage.strategy.fields import describe_fields
from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.parameters import Parameters

PAGE = Path(__file__).parents[2] / "docs" / "strategy.md"


def indicators() -> str:
    """Return the table of indicators; the warm-up is that of the defaults."""
    defaults = Parameters()
    return _table(
        ("indicator", "buy", "sell", "weight", "bars needed", "source"),
        (
            (
                f"`{indicator.buy.name}`, `{indicator.sell.name}`",
                indicator.buy.fires_when,
                indicator.sell.fires_when,
                f"`weights.{indicator.name}`",
                str(indicator.warmup_bars(defaults)),
                indicator.source,
            )
            for indicator in INDICATORS
        ),
    )


def parameters() -> str:
    """Return the table of parameters."""
    return _table(
        ("parameter", "default", "unit", "bounds"),
        (
            (f"`{field.path}`", _spelt(field.default), field.unit, field.bounds)
            for field in describe_fields(Parameters)
        ),
    )


def with_tables(page: str) -> str:
    """Return the page with its tables as they have to be."""
    for name, table in (("indicators", indicators()), ("parameters", parameters())):
        before, begin, rest = page.partition(f"<!-- {name}: generated -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"{PAGE.name} has no place for the {name}")
        page = f"{before}{begin}{table}\n{end}{after}"
    return page


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (titles, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(titles)}", *lines[1:]])


def _spelt(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return "none" if value == [] else str(value)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
