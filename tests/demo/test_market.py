"""The replayed market is the given one, moved in time."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from demo.market import (
    BAR,
    WARM_UP_BARS,
    Candle,
    last_closed_bar,
    prepare,
    read_candles,
    shifted,
    write_file,
)
from linkage.domain.errors import InvalidInputError

NOW = datetime(2026, 11, 22, 19, 33, 12, tzinfo=UTC)
LAST = datetime(2026, 11, 22, 19, 25, tzinfo=UTC)
LONG_AGO = datetime(2018, 1, 10, tzinfo=UTC)


def series(bars: int, start: datetime = LONG_AGO) -> list[Candle]:
    return [Candle(start + BAR * number, "1", "2", "0.5", f"1.{number}", "10") for number in range(bars)]


def test_a_bar_counts_as_closed_only_when_its_five_minutes_are_over() -> None:
    assert last_closed_bar(NOW) == LAST
    assert last_closed_bar(datetime(2026, 11, 22, 19, 30, tzinfo=UTC)) == LAST
    assert last_closed_bar(datetime(2026, 11, 22, 19, 29, 59, tzinfo=UTC)) == LAST - BAR


def test_all_symbols_move_by_the_same_time_and_gaps_stay() -> None:
    gap = [bar for bar in series(20) if bar.time != LONG_AGO + BAR * 7]
    moved = shifted({"A-B": series(20), "C-D": gap[:-1]}, last=LAST)
    assert moved["A-B"][-1].time == LAST
    assert moved["C-D"][-1].time == LAST - BAR
    assert len(moved["C-D"]) == 18
    assert moved["A-B"][7].time not in {bar.time for bar in moved["C-D"]}


def test_a_prepared_market_can_be_read_again_and_ends_with_the_last_closed_bar(tmp_path: Path) -> None:
    market = prepare({"A-B": series(400)}, tmp_path / "m", source="a test", now=NOW, bars=10)
    again = read_candles(market.folder)
    assert again == market.candles
    assert again["A-B"][-1].time == LAST
    assert len(again["A-B"]) == 10 + WARM_UP_BARS
    assert again["A-B"][-1].close == "1.399"


def test_a_run_is_due_when_its_bar_has_closed(tmp_path: Path) -> None:
    market = prepare({"A-B": series(400)}, tmp_path / "m", source="a test", now=NOW, bars=10)
    assert market.runs[-1] == LAST + BAR
    assert len(market.runs) == 10
    assert market.runs[0] == LAST + BAR - 9 * BAR
    assert market.price("A-B", market.runs[-1]) == Decimal("1.399")


def test_the_price_of_a_missing_bar_is_the_last_one_known(tmp_path: Path) -> None:
    bars = [bar for bar in series(400) if bar.time != LONG_AGO + BAR * 398]
    market = prepare({"A-B": bars}, tmp_path / "m", source="a test", now=NOW, bars=10)
    assert market.price("A-B", market.runs[-2]) == Decimal("1.397")


def test_prices_keep_their_spelling(tmp_path: Path) -> None:
    bar = Candle(LONG_AGO, "5.330000000000001e-05", "5.4e-05", "5.2e-05", "5.29e-05", "431401.97869504")
    write_file(tmp_path / "ADA-BTC_5m.csv.gz", [bar])
    assert read_candles(tmp_path) == {"ADA-BTC": [bar]}


def test_a_market_that_is_too_short_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="has 100 bars; 10 to replay"):
        prepare({"A-B": series(100)}, tmp_path / "m", source="a test", now=NOW, bars=10)


@pytest.mark.parametrize(
    "text", ["", "time,price\n", "time,open,high,low,close,volume\nyesterday,1,1,1,1,1\n"]
)
def test_a_file_that_is_no_candle_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "A-B_5m.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InvalidInputError, match=r"A-B_5m\.csv\.gz"):
        read_candles(tmp_path)


def test_a_folder_without_candles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no file named"):
        read_candles(tmp_path)
    with pytest.raises(InvalidInputError, match="not a folder"):
        read_candles(tmp_path / "missing")


def test_the_shift_of_a_market_that_ends_now_is_nothing() -> None:
    bars = series(5, LAST - 4 * BAR)
    assert shifted({"A-B": bars}, last=LAST)["A-B"] == bars
