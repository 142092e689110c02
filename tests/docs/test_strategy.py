"""docs/strategy.md says what the model says, and its documents are good ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from linkage.strategy.arms import parse_arms
from linkage.strategy.fields import describe_fields
from strategies.matrix.guardrails import GUARDRAILS, LINKAGE_BUDGET
from strategies.matrix.parameters import Parameters, Weights
from strategies.matrix.scoring import read_indicators
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import random_rows, window_of

PAGE = (Path(__file__).parents[2] / "docs" / "strategy.md").read_text()


def spelt(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return "none" if value == [] else str(value)


def table() -> str:
    """Return the table of parameters as the page has it."""
    rows = [
        f"| `{each.path}` | {spelt(each.default)} | {each.unit} | {each.bounds} |"
        for each in describe_fields(Parameters)
    ]
    return "\n".join(["| parameter | default | unit | bounds |", "|---|---|---|---|", *rows])


def test_the_table_of_parameters_is_the_models() -> None:
    assert table() in PAGE


def test_every_document_on_the_page_is_accepted() -> None:
    documents = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert len(documents) >= 2
    assert {len(parse_arms(MATRIX, document)) for document in documents} == {1, 2}


def test_every_guardrail_is_named_in_its_order() -> None:
    names = [*(name for name, _ in GUARDRAILS), LINKAGE_BUDGET]
    places = [PAGE.index(f"`{name}`") for name in names]
    assert places == sorted(places)


def test_every_indicator_and_its_weight_is_in_the_table_in_order() -> None:
    parameters = Parameters()
    readings = read_indicators(window_of(random_rows(parameters.bars, 1), parameters), parameters)
    names = [
        f"| `{buy.name}`, `{sell.name}` |" for buy, sell in zip(readings.buy, readings.sell, strict=True)
    ]
    weights = [f"| `weights.{name}` |" for name in Weights.model_fields]
    rows = [line for line in PAGE.splitlines() if line.endswith("` |") and "`weights." in line]

    assert len(rows) == len(names) == len(weights)
    assert all(row.startswith(name) for row, name in zip(rows, names, strict=True))
    assert all(row.endswith(weight) for row, weight in zip(rows, weights, strict=True))
    assert f"`{readings.momentum_buy.name}`" in PAGE
