"""docs/strategy.md says what the model says, and its documents are good ones."""

from __future__ import annotations

import re
from pathlib import Path

from linkage.strategy.arms import parse_arms
from linkage.strategy.fields import describe_fields
from strategies.matrix.guardrails import GUARDRAILS, LINKAGE_BUDGET
from strategies.matrix.parameters import Parameters, Weights
from strategies.matrix.scoring import read_indicators
from strategies.matrix.strategy import MATRIX
from tests.docs.strategy_page import with_tables
from tests.strategies.matrix.markets import random_rows, window_of

PAGE = (Path(__file__).parents[2] / "docs" / "strategy.md").read_text()


def test_the_tables_are_those_of_the_registry_and_the_model() -> None:
    assert with_tables(PAGE) == PAGE
    for field in describe_fields(Parameters):
        assert f"| `{field.path}` |" in PAGE


def test_every_document_on_the_page_is_accepted() -> None:
    documents = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert len(documents) >= 2
    assert {len(parse_arms(MATRIX, document)) for document in documents} == {1, 2}


def test_every_guardrail_is_named_in_its_order() -> None:
    names = [*(name for name, _ in GUARDRAILS), LINKAGE_BUDGET]
    places = [PAGE.index(f"`{name}`") for name in names]
    assert places == sorted(places)


def test_every_indicator_stands_in_its_table_with_both_sides_and_its_weight() -> None:
    readings = read_indicators(window_of(random_rows(300, 1), Parameters()), Parameters())
    for buy, sell in zip(readings.buy, readings.sell, strict=True):
        assert f"| `{buy.name}`, `{sell.name}` |" in PAGE
    for name in Weights.model_fields:
        assert f"| `weights.{name}` |" in PAGE
    assert f"`{readings.momentum_buy.name}`" in PAGE
