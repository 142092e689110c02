"""A backtest's parts are read and checked before anything is started, and hashed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from demo.market import read_candles, write_file
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.paper import Rules
from local.backtest.history import History, Request, open_history, parse_rules
from strategies.matrix.strategy import MATRIX

BAR = timedelta(minutes=5)
LAST = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def opened(folder: Path, **changes: object) -> History:
    return open_history(replace(Request(folder, MATRIX), **changes))  # type: ignore[arg-type]


def test_without_a_period_every_bar_with_enough_before_it_has_a_decision(candle_folder: Path) -> None:
    history = opened(candle_folder)

    assert history.bars == 60 + 320 - 300 + 1
    assert history.start == LAST - 80 * BAR
    assert history.end == LAST + BAR
    assert history.parameters == MATRIX.parameters()


def test_a_period_is_half_open_and_cut_to_what_there_is(candle_folder: Path) -> None:
    history = opened(candle_folder, start=LAST - 10 * BAR, end=LAST - 2 * BAR)
    assert (history.bars, history.start, history.end) == (8, LAST - 10 * BAR, LAST - 2 * BAR)
    assert int(history.candles.times[-1]) == int((LAST - 4 * BAR).timestamp())

    history = opened(candle_folder, start=datetime(2020, 1, 1, tzinfo=UTC), end=LAST + timedelta(days=1))
    assert (history.start, history.end) == (LAST - 80 * BAR, LAST + BAR)


def test_a_period_without_a_bar_is_refused_with_the_possible_one(candle_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"possible from 2026-11-22T05:20 to before 2026-11-22T12:05"):
        opened(candle_folder, start=LAST + BAR)
    with pytest.raises(InvalidInputError, match="--from and --to"):
        opened(candle_folder, start=LAST, end=LAST)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("score_buy_taget = 4.0", "score_buy_taget"),
        ('rsi_buy = "35"', "rsi_buy"),
        ("[weights]\nrsi = -1", "weights.rsi"),
    ],
)
def test_wrong_parameters_are_refused_with_the_path_of_the_field(
    candle_folder: Path, document: str, field: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        opened(candle_folder, document=document)
    assert refused.value.field == field
    assert field in str(refused.value)


ARMS = """
label = "tight"
[arms.main]
share = 0.5
[arms.challenger]
share = 0.5
rsi_buy = 25
"""


def test_of_several_sets_one_is_tried_and_its_label_kept(candle_folder: Path) -> None:
    history = opened(candle_folder, document=ARMS, arm="challenger")
    assert history.parameters.model_dump()["rsi_buy"] == 25
    assert history.snapshot.label == "tight"

    for arm in (None, "other"):
        with pytest.raises(InvalidInputError, match="--arm: the parameters have challenger, main"):
            opened(candle_folder, document=ARMS, arm=arm)


def test_later_candles_change_nothing_of_a_period_that_ended_before(
    candle_folder: Path, tmp_path: Path
) -> None:
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    for symbol, bars in read_candles(candle_folder).items():
        write_file(shorter / f"{symbol}_5m.csv.gz", bars[:-6])

    end = LAST - 10 * BAR
    assert opened(shorter, end=end).data_hash == opened(candle_folder, end=end).data_hash


def test_a_folder_without_usable_candles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is no folder"):
        opened(tmp_path / "missing")
    with pytest.raises(InvalidInputError, match="has no BASE-QUOTE"):
        opened(tmp_path)


def test_a_universe_is_a_stages_and_part_of_the_snapshot_as_there(candle_folder: Path) -> None:
    chosen = opened(candle_folder, symbols="ETH-USD,BTC-USD,X-USD")

    assert chosen.candles.symbols == ("BTC-USD", "ETH-USD")
    assert chosen.candles.refused == {"X-USD": "unknown_symbol"}
    assert chosen.snapshot == MATRIX.snapshot(MATRIX.parameters(), symbols="BTC-USD,ETH-USD,X-USD")
    assert opened(candle_folder, symbols="quote:USD").candles.symbols == opened(candle_folder).candles.symbols
    with pytest.raises(InvalidInputError, match="of the symbols quote:EUR"):
        opened(candle_folder, symbols="quote:EUR")
    with pytest.raises(ConfigurationError, match="an exchange"):
        opened(candle_folder, symbols="top:5")


def test_the_data_hash_changes_with_each_price_and_with_the_venue(
    candle_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(candle_folder, copy)
    first = opened(candle_folder).data_hash
    assert opened(copy).data_hash == first
    assert opened(copy, document="score_buy_target = 4.0").data_hash == first

    assert opened(copy, seed=2).data_hash != first
    assert opened(copy, rules=Rules(taker_fee=Decimal("0.001"))).data_hash != first
    symbol, bars = next(iter(read_candles(copy).items()))
    bars[-1] = replace(bars[-1], volume="123.5")
    write_file(copy / f"{symbol}_5m.csv.gz", bars)
    assert opened(copy).data_hash != first


def test_what_the_rules_of_a_venue_do_not_name_stays_as_it_is() -> None:
    rules = parse_rules('taker_fee = 0.001\nresting_bars = 3\n[least_notional]\nUSDT = "5"')

    assert rules == Rules(taker_fee=Decimal("0.001"), resting_bars=3, least_notional={"USDT": Decimal(5)})
    assert parse_rules("") == Rules()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("fee = 1", "fee: no rule"),
        ('spread = "wide"', "spread: "),
        ("maker_fee =", "not TOML"),
        ("[least_notional]\nUSD = true", "least_notional.USD: "),
        ("[least_notional]\nUSD = -1", "least_notional.USD: must not be negative"),
        ("participation = 5", "participation: must be from 0 to 1"),
        ("size_step = 0", "size_step: must be from 0.000000000000000001 to 1000000000"),
        ("resting_bars = 0", "resting_bars: must be from 1"),
        ("taker_fee = nan", "taker_fee: "),
    ],
)
def test_wrong_rules_of_a_venue_are_refused_with_the_field(document: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_rules(document)
