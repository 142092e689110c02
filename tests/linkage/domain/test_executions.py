from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.domain.executions import EXACT, Execution, FillFact, OrderTerms, Rate, net_executions, share
from tests.support.executions import at

D = Decimal
BUY = OrderTerms("o", "buy", "BTC", "USDT")
SELL = BUY._replace(side="sell")


def fill(fill_id: str, quantity: str, price: str | None = "100", minute: int = 0, **fields: Any) -> FillFact:
    told: dict[str, Any] = {
        "kind": "FILL", "refers_to": None, "quantity_unit": "base", "fee": "0", "fee_currency": "USDT",
        **fields,
    }  # fmt: skip
    told["fee"] = None if told["fee"] is None else D(told["fee"])
    worth = None if price is None else D(price)
    return FillFact(fill_id, quantity=D(quantity), price=worth, executed_at=at(minute), **told)


def sums(executions: Sequence[Execution]) -> tuple[Decimal, Decimal, Decimal]:
    """Return quantity, value and fee of all executions."""
    with localcontext(EXACT):
        return (
            sum((one.quantity for one in executions), D(0)),
            sum((one.value for one in executions), D(0)),
            sum((one.fee for one in executions), D(0)),
        )


class TestTotals:
    def test_each_fill_is_an_execution_of_its_own(self) -> None:
        first, second = net_executions(BUY, [fill("b", "2", "101", 1, fee="0.2"), fill("a", "1", fee="0.1")])

        assert (first.execution_id, first.quantity, first.value, first.fee) == ("a", D(1), D(100), D("0.1"))
        assert (second.execution_id, second.quantity, second.value, second.fee) == (
            "b", D(2), D(202), D("0.2"),
        )  # fmt: skip

    def test_a_cumulative_record_behind_the_fills_adds_nothing(self) -> None:
        record = fill("c", "1", "99", 5, kind="CUMULATIVE", fee="7")

        assert sums(net_executions(BUY, [fill("a", "1", fee="0.1"), record])) == (D(1), D(100), D("0.1"))

    def test_what_the_cumulative_record_has_beyond_the_fills_is_one_more_at_its_price(self) -> None:
        record = fill("c", "10", "99.5", 5, kind="CUMULATIVE", fee="2")

        made = net_executions(BUY, [fill("a", "4", fee="0.1"), record])

        assert [(one.execution_id, one.quantity, one.price) for one in made] == [
            ("a", D(4), D("99.5")), ("cumulative", D(6), D("99.5")),
        ]  # fmt: skip
        assert sums(made) == (D(10), D(995), D(2))
        assert made[1].executed_at == at(5)

    def test_a_record_alone_is_one_execution(self) -> None:
        (one,) = net_executions(BUY, [fill("c", "10", "99.5", 5, kind="CUMULATIVE", fee="2")])

        assert (one.quantity, one.value, one.fee) == (D(10), D(995), D(2))

    def test_a_record_without_a_price_leaves_the_rest_unpriced(self) -> None:
        known, rest = net_executions(
            BUY, [fill("a", "4"), fill("c", "10", None, 5, kind="CUMULATIVE", fee=None)]
        )

        assert (known.value, known.missing) == (D(400), frozenset())
        assert (rest.quantity, rest.missing) == (D(6), frozenset({"price", "fee"}))


class TestReversals:
    @pytest.mark.parametrize("minute", [3, -3])
    def test_a_reversal_undoes_the_fill_that_it_names_whenever_it_comes(self, minute: int) -> None:
        back = fill("r", "1", "100", minute, kind="REVERSAL", refers_to="a", fee="0.1")

        (left,) = net_executions(BUY, [fill("a", "1", fee="0.1"), fill("b", "2", "101", 1, fee="0.2"), back])

        assert (left.execution_id, left.quantity, left.value, left.fee) == ("b", D(2), D(202), D("0.2"))

    def test_a_reversal_that_names_none_takes_from_the_latest(self) -> None:
        back = fill("r", "3", "100", 3, kind="REVERSAL")

        (left,) = net_executions(BUY, [fill("a", "2"), fill("b", "2", minute=1), back])

        assert (left.execution_id, left.quantity, left.value) == ("a", D(1), D(100))

    def test_an_order_that_waits_for_its_fill_has_no_execution(self) -> None:
        assert net_executions(BUY, [fill("r", "1", kind="REVERSAL", refers_to="a")]) == []

    def test_a_fee_that_is_not_given_back_stays_with_the_order(self) -> None:
        told = [fill("a", "1", fee="0.5"), fill("r", "1", kind="REVERSAL", refers_to="a")]

        (alone,) = net_executions(BUY, told)
        (beside,) = net_executions(BUY, [*told, fill("b", "1", minute=1)])

        assert (alone.quantity, alone.value, alone.fee) == (D(0), D(0), D("0.5"))
        assert (beside.quantity, beside.value, beside.fee) == (D(1), D(100), D("0.5"))

    def test_a_negative_correction_takes_away(self) -> None:
        told = [fill("a", "3", fee="0.3"), fill("b", "-1", kind="CORRECTION", refers_to="a", fee="-0.1")]

        assert sums(net_executions(BUY, told)) == (D(2), D(200), D("0.2"))


class TestFees:
    def test_a_fee_in_base_makes_a_bought_lot_smaller(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "1", fee="0.001", fee_currency="BTC")])

        assert (one.quantity, one.value, one.fee, one.missing) == (D("0.999"), D(100), D(0), frozenset())

    def test_a_fee_in_base_makes_a_sale_take_more(self) -> None:
        (one,) = net_executions(SELL, [fill("a", "1", fee="0.001", fee_currency="BTC")])

        assert (one.quantity, one.value) == (D("1.001"), D(100))

    def test_a_fee_in_another_currency_is_converted_at_its_minute(self) -> None:
        rates = {("BNB", "USDT", at(0)): Rate(D(600), "binance 1m")}

        (one,) = net_executions(
            BUY,
            [fill("a", "1", minute=0, fee="0.001", fee_currency="BNB")._replace(executed_at=seconds(42))],
            rates,
        )

        assert (one.fee, one.missing, one.sources) == (
            D("0.6"),
            frozenset(),
            frozenset({"BNB-USDT 600 binance 1m"}),
        )

    def test_a_rate_the_other_way_round_serves_as_well(self) -> None:
        rates = {("USDT", "EUR", at(0)): Rate(D("0.8"), "kraken 1m")}

        (one,) = net_executions(BUY, [fill("a", "1", fee="0.4", fee_currency="EUR")], rates)

        assert one.fee == D("0.5")

    def test_without_a_rate_the_fee_is_named_and_not_nought(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "1", fee="0.001", fee_currency="BNB")])

        assert (one.fee, one.missing) == (D(0), frozenset({"fee:BNB"}))

    def test_a_fill_that_tells_no_fee_is_incomplete(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "1", fee=None, fee_currency=None)])

        assert one.missing == {"fee"}

    def test_a_fee_without_a_currency_is_incomplete(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "1", fee="1", fee_currency=None)])

        assert one.missing == {"fee:?"}

    def test_a_fee_in_base_as_large_as_the_fill_is_taken_at_its_price(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "1", fee="1", fee_currency="BTC")])

        assert (one.quantity, one.fee) == (D(1), D(100))


class TestUnits:
    def test_a_quantity_in_quote_is_turned_round_by_its_price(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "50", "100", quantity_unit="quote")])

        assert (one.quantity, one.value) == (D("0.5"), D(50))

    def test_contracts_have_no_result_without_their_size(self) -> None:
        (one,) = net_executions(BUY, [fill("a", "3", quantity_unit="contracts", fee="1")])

        assert (one.quantity, one.fee, one.missing) == (D(3), D(1), frozenset({"contract_size"}))


def seconds(number: int) -> datetime:
    return at(0).replace(second=number)


amounts = st.decimals(min_value=D("0.00000001"), max_value=D(1000), places=8)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=6), amounts, amounts, amounts)
def test_executions_add_up_to_the_totals_of_the_order(
    told: list[tuple[Decimal, Decimal, Decimal]], more: Decimal, average: Decimal, fees: Decimal
) -> None:
    fills = [
        fill(str(number), str(quantity), str(price), number, fee=str(fee))
        for number, (quantity, price, fee) in enumerate(told)
    ]
    with localcontext(EXACT):
        gathered = sum((quantity for quantity, _, _ in told), D(0))
        whole = gathered + more
        record = fill("c", str(whole), str(average), 9, kind="CUMULATIVE", fee=str(fees))

        assert sums(net_executions(BUY, fills)) == (
            gathered, sum((q * p for q, p, _ in told), D(0)), sum((fee for _, _, fee in told), D(0)),
        )  # fmt: skip
        assert sums(net_executions(BUY, [*fills, record])) == (whole, whole * average, fees)


@given(amounts, st.lists(amounts, min_size=1, max_size=8))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_shares_that_are_taken_one_by_one_add_up(total: Decimal, weights: list[Decimal]) -> None:
    with localcontext(EXACT):
        left, whole, taken = total, sum(weights, D(0)), D(0)
        for weight in weights:
            piece = share(left, weight, whole)
            left, whole, taken = left - piece, whole - weight, taken + piece

        assert (taken, left) == (total, D(0))
