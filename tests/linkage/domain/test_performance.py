"""Every metric against the table worked out by hand, and the rules for what cannot be divided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.errors import InvalidInputError
from linkage.domain.performance import (
    Drawdown,
    Observation,
    OpenPosition,
    max_drawdown,
    measure,
    open_totals,
    slippage,
)
from tests.support.forty_trades import CLOSED_NET, EPISODES, OPEN, START, moment

# Of the first entry of an episode: what the stop would have lost, its slippage, and the delay in minutes
# where it is not one. Episode 1: (100 - 99) / 99; 5: (100.6 - 100) / 100; 7: (99 - 100) / 100; 13, a short:
# (5.1 - 5) / 5.1. All others were filled at the signal's price.
RISK = {1: "5", 2: "6"}
SLIPPAGE = {1: Decimal(1) / 99, 5: Decimal("0.006"), 7: Decimal("-0.01"), 13: Decimal("0.1") / Decimal("5.1")}
DELAY = {2: 3}
SET_B = {6, 7, 8}


def closed(currency: str = "USDT") -> list[Observation]:
    return [
        Observation(
            episode_id=str(one.name),
            opened_at=moment(one.opened),
            closed_at=moment(one.closed),
            net_pnl=Decimal(one.net),
            entry_notional=Decimal(one.notional),
            currency=one.currency,
            risk=Decimal(RISK[one.name]) if one.name in RISK else None,
            slippage=SLIPPAGE.get(one.name, Decimal(0)),
            delay=timedelta(minutes=DELAY.get(one.name, 1)),
            fees_complete=not one.missing,
            mixed=one.mixed,
            labels={"snapshot": "B" if one.name in SET_B else "A", "mode": "live", "side": one.side},
        )
        for one in EPISODES
        if one.closed is not None and one.currency == currency
    ]


def results(*pnls: str, **changes: Any) -> list[Observation]:
    return [
        Observation(
            str(number),
            moment(number),
            moment(number + 1),
            Decimal(pnl),
            **{"entry_notional": Decimal(100), "currency": "USDT", **changes},
        )
        for number, pnl in enumerate(pnls)
    ]


def test_every_metric_of_the_hand_written_ledger_is_the_one_worked_out_by_hand() -> None:
    found = measure(closed())

    assert (found.n, found.wins, found.losses, found.even) == (15, 11, 3, 1)
    assert found.net_pnl == Decimal(CLOSED_NET["USDT"])
    assert found.win_rate == Decimal(11) / 14
    # 9.79 + 7.212 + 2.2 + 3.8 + 1.8 + 8.8 + 8.79 + 3.828 + 1.958 + 1.902 + 0.74, and 6.394 + 5.1 + 0.642.
    assert found.gross_profit == Decimal("50.82")
    assert found.gross_loss == Decimal("12.136")
    assert found.profit_factor == Decimal("50.82") / Decimal("12.136")
    assert found.expectancy == Decimal("38.684") / 15
    # 9.79 of 100, -6.394 of 200, 7.212 of 390, 0, 2.2 of 100.6, 3.8 of 100, 1.8 of 99, 8.8 of 100, 8.79 of
    # 200, -5.1 of 100, 3.828 of 84, 1.958 of 20, 1.902 of 50, 0.74 of 20, -0.642 of 10.4, over 15.
    assert found.expectancy_per_unit == Decimal("0.02668023816607514420635693001")
    # 9.79 / 5 and -6.394 / 6, over 2: (11.748 - 6.394) / 12.
    assert found.expectancy_r == Decimal("5.354") / 12
    assert found.n_r == 2
    # After 10 minutes 9.79, 15: 20.482 (two closed), 30: 14.088, 35: 9.728 (two closed), 45: 9.086,
    # 70: 20.126 (two closed), 90: 22.084, and then it only rises. 20.482 - 9.086.
    assert found.drawdown == Drawdown(Decimal("11.396"), Decimal("11.396") / Decimal("20.482"))
    # The mean above, over the root of (0.0437657757849848734869 - 15 * mean squared) / 14.
    assert found.sharpe == Decimal("0.5488034416340158096414141462")
    # Thirteen of ten minutes, one of 30, one of 25.
    assert found.holding_mean == timedelta(minutes=12, seconds=20)
    assert found.holding_median == timedelta(minutes=10)
    # 1/99 + 0.1/5.1 + 0.006 - 0.01, over 15.
    assert found.slippage == Decimal("0.001713923549217666864725688255")
    assert found.n_slippage == 15
    # Fourteen minutes, and three.
    assert found.delay_seconds == Decimal(17 * 60) / 15
    assert (found.n_delay, found.fees_incomplete, found.mixed) == (15, 1, 1)


def test_the_drawdown_is_a_share_of_the_equity_at_its_peak() -> None:
    assert max_drawdown(closed(), capital=Decimal(100)) == Drawdown(
        Decimal("11.396"), Decimal("11.396") / Decimal("120.482")
    )


def test_one_set_of_the_hand_written_ledger_has_no_losses() -> None:
    found = measure([one for one in closed() if one.labels["snapshot"] == "B"])
    assert found.net_pnl == Decimal("14.4")
    assert (found.wins, found.profit_factor, found.win_rate) == (3, None, Decimal(1))
    assert found.drawdown == Drawdown(Decimal(0), Decimal(0))


def test_amounts_of_two_currencies_do_not_add_up() -> None:
    assert measure(closed("EUR")).net_pnl == Decimal(CLOSED_NET["EUR"])
    with pytest.raises(InvalidInputError, match="EUR and USDT"):
        measure(closed() + closed("EUR"))


def test_what_is_open_counts_with_its_mark_and_its_age() -> None:
    positions = [
        OpenPosition(moment(200), Decimal(pnl), Decimal(cost), "USDT") for _, _, cost, _, pnl in OPEN
    ]
    found = open_totals(positions, at=moment(260))
    # 5.796 - 0.08
    assert (found.n, found.pnl_at_mark, found.unmarked) == (2, Decimal("5.716"), 0)
    assert found.oldest_age == timedelta(hours=1)
    unmarked = open_totals([*positions, replace(positions[0], pnl_at_mark=None)], at=moment(260))
    assert (unmarked.n, unmarked.pnl_at_mark, unmarked.unmarked) == (3, found.pnl_at_mark, 1)


def test_nothing_has_no_metrics_rather_than_zeros() -> None:
    found = measure([])
    assert (found.n, found.net_pnl) == (0, Decimal(0))
    absent = (
        found.win_rate, found.profit_factor, found.expectancy, found.expectancy_per_unit, found.sharpe,
        found.holding_mean, found.holding_median, found.slippage, found.delay_seconds, found.drawdown.share,
    )  # fmt: skip
    assert absent == (None,) * len(absent)
    assert open_totals([], at=START).oldest_age is None


def test_results_that_are_all_the_same_have_no_sharpe_ratio() -> None:
    assert measure(results("2", "2", "2")).sharpe is None
    assert measure(results("2")).sharpe is None


def test_losses_from_the_start_have_no_equity_to_be_a_share_of() -> None:
    assert measure(results("-3", "1", "-2")).drawdown == Drawdown(Decimal(4), None)


def test_the_deeper_of_two_falls_counts_and_of_equal_ones_the_greater_share() -> None:
    assert max_drawdown(results("10", "-4", "10", "-5")).amount == 5
    assert max_drawdown(results("10", "-4", "10", "-4")) == Drawdown(Decimal(4), Decimal("0.4"))


def test_slippage_is_a_cost_on_either_side() -> None:
    assert slippage("buy", signal_price=Decimal(100), fill_price=Decimal(101)) == Decimal("0.01")
    assert slippage("sell", signal_price=Decimal(100), fill_price=Decimal(101)) == Decimal("-0.01")


def test_an_episode_for_which_nothing_was_paid_has_no_result_per_unit() -> None:
    found = measure(results("1", entry_notional=Decimal(0)))
    assert (found.expectancy, found.expectancy_per_unit) == (Decimal(1), None)


@given(st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=18), min_size=1, max_size=40))
def test_sums_lose_no_digit_and_the_order_of_episodes_changes_nothing(pnls: list[Decimal]) -> None:
    episodes = [replace(one, net_pnl=pnl) for one, pnl in zip(results(*["0"] * len(pnls)), pnls, strict=True)]
    found = measure(episodes)
    assert int(found.net_pnl.scaleb(18)) == sum(int(pnl.scaleb(18)) for pnl in pnls)
    assert found.gross_profit - found.gross_loss == found.net_pnl or abs(found.net_pnl) > 10**9
    assert measure(episodes[::-1]) == found
