"""A snapshot has every parameter, and each of them tells two snapshots apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from linkage.domain.canonical import canonical_json
from linkage.domain.errors import ConfigurationError
from linkage.domain.snapshots import make_snapshot
from linkage.strategy import plugin
from linkage.strategy.fields import describe_fields
from linkage.strategy.state import StrategyState
from strategies.matrix.parameters import Parameters
from strategies.matrix.strategy import MATRIX
from tests.strategies.matrix.markets import NOON, candles_of, random_rows

OTHERS: dict[str, Any] = {
    "interval_seconds": 900,
    "order_notional_by_quote": {"BTC": "0.003"},
    "entry_order_type": "market",
    "exclusions": ["A-USD"],
    "bars": 400,
}


def other_values() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a document for each field that differs from the defaults in that field only."""
    defaults = Parameters().model_dump(mode="json")
    for name, value in defaults.items():
        if name == "weights":
            for weight in value:
                yield f"weights.{weight}", {"weights": {weight: "0.7"}}
        elif name in OTHERS:
            yield name, {name: OTHERS[name]}
        elif isinstance(value, int):
            yield name, {name: value + 1}
        else:
            changed = float(value) * 1.01 if float(value) else 0.01
            yield name, {name: str(changed) if isinstance(value, str) else changed}


CHANGES = dict(other_values())


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_changes_the_snapshot(name: str) -> None:
    usual = MATRIX.snapshot(Parameters(), symbols="*")
    changed = MATRIX.snapshot(MATRIX.parse(json.dumps(CHANGES[name])), symbols="*")

    assert changed.config_hash != usual.config_hash
    assert changed.snapshot_id != usual.snapshot_id
    assert (changed.params_hash != usual.params_hash) is (name != "exclusions")


def test_every_field_is_in_the_snapshot_and_nothing_is_left_to_a_default_of_tomorrow() -> None:
    described = MATRIX.describe(Parameters(), symbols="A-USD,B-USD")

    assert set(Parameters.model_fields) < set(described)
    assert (described["strategy"], described["code_version"]) == ("matrix", MATRIX.code_version)
    assert described["symbols"] == "A-USD,B-USD"


def test_the_universe_and_the_code_change_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = MATRIX.snapshot(Parameters(), symbols="*")
    fewer = MATRIX.snapshot(Parameters(), symbols="A-USD")
    monkeypatch.setattr(plugin, "code_version", lambda _package: "0123456789abcdef")
    newer = MATRIX.snapshot(Parameters(), symbols="*")

    assert len({one.config_hash for one in (usual, fewer, newer)}) == 3
    assert newer.params_hash == usual.params_hash


def test_spelling_and_order_do_not_change_the_snapshot() -> None:
    spellings = [
        (
            "rsi_buy = 30\nroc_buy = 1.50\nexclusions = ['B-USD', 'A-USD']\nscore_buy_target = 5.50\n"
            "hysteresis = 0.20\n"
        ),
        (
            "exclusions = ['A-USD', 'B-USD']\nscore_buy_target = 5.5\nroc_buy = 1.5\nrsi_buy = 30.0\n"
            "hysteresis = '0.2'\n"
        ),
        (
            '{"rsi_buy": 3e1, "roc_buy": 1.5, "exclusions": ["A-USD", "B-USD"], "score_buy_target": "5.50",'
            '"hysteresis": 2e-1}'
        ),
    ]

    assert len({MATRIX.snapshot(MATRIX.parse(one), symbols="*").snapshot_id for one in spellings}) == 1


@pytest.mark.parametrize("name", CHANGES)
def test_a_snapshot_as_it_is_stored_gives_the_same_parameters_again(name: str) -> None:
    parameters = MATRIX.parse(json.dumps(CHANGES[name]))
    stored = json.loads(canonical_json(MATRIX.describe(parameters, symbols="*")))

    assert MATRIX.parameters_of(stored) == parameters
    assert make_snapshot(stored).snapshot_id == MATRIX.snapshot(parameters, symbols="*").snapshot_id


def test_the_weights_of_the_reference_are_the_defaults() -> None:
    reference = {
        "ratio": Decimal("1.2"), "touch": Decimal("1.5"), "pattern": Decimal("2.0"), "rsi": Decimal("2.5"),
        "roc": Decimal("2.0"), "macd": Decimal("1.8"), "swing": Decimal("2.2"),
    }  # fmt: skip

    assert reference.items() <= Parameters().weights.model_dump().items()


PERIODS = [
    each.path for each in describe_fields(Parameters) if each.unit == "bars" and each.bounds.endswith("≤ 200")
]


@pytest.mark.parametrize("name", PERIODS)
def test_a_period_that_needs_more_bars_than_are_read_is_refused_when_it_is_written(name: str) -> None:
    values = {"bars": 80, "clean_bars": 10, name: 150}
    if name == "macd_fast":
        values["macd_slow"] = 151
    with pytest.raises(ConfigurationError, match=r"bars must be at least \d+ for these periods"):
        MATRIX.parse_values(values)
    needed = MATRIX.parse_values({**values, "bars": 400}).warmup_bars
    with pytest.raises(ConfigurationError, match=f"bars must be at least {needed} "):
        MATRIX.parse_values({**values, "bars": needed - 1})
    parameters = MATRIX.parse_values({**values, "bars": needed})

    candles = candles_of({"A-USD": random_rows(400, 3)})
    assert MATRIX.decide(candles, StrategyState(), parameters, NOON).seen == 1


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("rsi_bye = 30", "rsi_bye"),
        ("[weights]\nrsy = 1", "weights.rsy"),
        ("rsi_buy = '30'", "rsi_buy"),
        ('{"rsi_period": 14.5}', "rsi_period"),
        ("rsi_buy = 101", "rsi_buy"),
        ("bars = 10", "bars"),
        ("interval_seconds = 299", "interval_seconds"),
        ("macd_fast = 26", ""),
        ("rsi_buy = nan", "rsi_buy"),
        ("rsi_buy = ", ""),
        ('{"rsi_buy": NaN}', "rsi_buy"),
        ('{"rsi_buy": 30, "rsi_buy": 25}', ""),
        ('{"label": "\\ud800"}', "label"),
        ('exclusions = ["A\\u0000-USD"]', "exclusions.0"),
        ('weights.rsi = "1e-100"', "weights.rsi"),
        ('order_notional_by_quote = {BTC = "1e-19"}', "order_notional_by_quote"),
        ('{"rsi_buy": ' + "[" * 3000, ""),
        ("rsi_buy = " + "[" * 1500 + "]" * 1500, ""),
        (".".join("a" * 1500) + " = 1", ""),
        ("{", ""),
        ("[1", ""),
    ],
)
def test_a_bad_document_is_refused_with_the_path_of_its_field(document: str, field: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        MATRIX.parse(document)

    assert raised.value.field == field


def test_what_a_document_leaves_out_has_its_default() -> None:
    assert MATRIX.parse("") == MATRIX.parse("{}") == Parameters()
    assert MATRIX.parse("[weights]\nrsi = 3\n").weights.roc == Decimal("2.0")


def test_a_snapshot_of_another_strategy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="grid_step"):
        MATRIX.parameters_of({"grid_step": "1"})
