from __future__ import annotations

import random
from collections import deque
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.domain.executions import EXACT, Execution
from linkage.domain.lots import BookRules, Matched, PositionSide
from linkage.domain.matching import match
from tests.support.executions import accounted_for, at, cash_flow, executed

D = Decimal
POSITION_SIDES = get_args(PositionSide)


def pieces(matched: Matched) -> list[tuple[str, str, Decimal, Decimal | None]]:
    """Return (entry, exit, quantity, net P&L) of each allocation."""
    return [(one.entry_order_id, one.exit_order_id, one.quantity, one.net_pnl) for one in matched.allocations]


class TestFirstInFirstOut:
    def test_an_exit_closes_the_oldest_lot_first(self) -> None:
        matched = match(
            [
                executed("buy", "2", "100", 0),
                executed("buy", "1", "110", 1),
                executed("sell", "2.5", "120", 2),
            ],
            "long",
        )

        assert pieces(matched) == [("buy-0", "sell-2", D(2), D(40)), ("buy-1", "sell-2", D("0.5"), D(5))]
        (lot,) = matched.state.lots
        assert (lot.order_id, lot.quantity, lot.value, lot.entered_quantity) == (
            "buy-1",
            D("0.5"),
            D(55),
            D(1),
        )

    def test_a_short_earns_when_the_price_falls(self) -> None:
        matched = match([executed("sell", "3", "100", 0), executed("buy", "3", "90", 1)], "short")

        assert pieces(matched) == [("sell-0", "buy-1", D(3), D(30))]
        assert matched.allocations[0].side == "short"

    def test_fees_of_entry_and_exit_reduce_the_net_and_not_the_gross(self) -> None:
        matched = match(
            [executed("buy", "2", "100", 0, fee="1"), executed("sell", "1", "120", 1, fee="0.6")], "long"
        )

        (piece,) = matched.allocations
        assert (piece.gross_pnl, piece.entry_fee, piece.exit_fee) == (D(20), D("0.5"), D("0.6"))
        assert piece.net_pnl == D("18.9")

    def test_a_cost_that_does_not_divide_is_conserved_to_the_last_digit(self) -> None:
        book = [
            executed("buy", "3", "100", 0, fee="0.1"),
            *(executed("sell", "1", "101", n) for n in (1, 2, 3)),
        ]

        matched = match(book, "long")

        fees = [piece.entry_fee for piece in matched.allocations]
        assert fees == [D("0.033333333333333333"), D("0.033333333333333333"), D("0.033333333333333334")]

    def test_what_opens_comes_before_what_closes_at_the_same_moment(self) -> None:
        matched = match([executed("sell", "1", "101", 0), executed("buy", "1", "100", 0)], "long")

        assert pieces(matched) == [("buy-0", "sell-0", D(1), D(1))]
        assert not matched.unmatched


class TestExplicitTargets:
    LOTS = (executed("buy", "1", "100", 0), executed("buy", "1", "110", 1))

    def test_an_exit_closes_the_entry_that_it_names_before_older_ones(self) -> None:
        exit_ = executed("sell", "1.5", "120", 2, parent_order_id="buy-1")

        matched = match([*self.LOTS, exit_], "long")

        assert pieces(matched) == [("buy-1", "sell-2", D(1), D(10)), ("buy-0", "sell-2", D("0.5"), D(10))]
        assert [piece.matched_by for piece in matched.allocations] == ["parent", "fifo"]

    def test_an_exit_closes_its_position_id_before_older_lots(self) -> None:
        lots = [one._replace(position_id=name) for one, name in zip(self.LOTS, "ab", strict=True)]

        matched = match([*lots, executed("sell", "1", "120", 2, position_id="b")], "long")

        assert pieces(matched) == [("buy-1", "sell-2", D(1), D(10))]
        assert matched.allocations[0].matched_by == "position"

    def test_a_parent_that_has_no_lot_leaves_it_to_the_order_of_entry(self) -> None:
        matched = match([*self.LOTS, executed("sell", "1", "120", 2, parent_order_id="elsewhere")], "long")

        assert pieces(matched) == [("buy-0", "sell-2", D(1), D(20))]


class TestUnmatchedExits:
    def test_an_exit_without_a_lot_is_shown_and_earns_nothing(self) -> None:
        matched = match([executed("sell", "2", "100", 0, fee="1")], "long")

        assert not matched.allocations
        (lone,) = matched.unmatched
        assert (lone.order_id, lone.quantity, lone.cash) == ("sell-0", D(2), D(199))

    def test_only_the_rest_of_an_exit_is_unmatched(self) -> None:
        matched = match([executed("buy", "1", "100", 0), executed("sell", "3", "110", 1, fee="3")], "long")

        assert pieces(matched) == [("buy-0", "sell-1", D(1), D(9))]
        assert [(one.quantity, one.value, one.fee) for one in matched.unmatched] == [(D(2), D(220), D(2))]

    def test_an_exit_that_may_only_close_does_not_turn_a_net_position_round(self) -> None:
        book = [executed("buy", "1", "100", 0), executed("sell", "3", "110", 1, closes_only=True)]

        matched = match(book, "net")

        assert [one.quantity for one in matched.unmatched] == [D(2)]
        assert not matched.state.lots

    def test_a_lot_that_is_bought_after_the_exit_does_not_serve_it(self) -> None:
        matched = match([executed("sell", "1", "100", 0), executed("buy", "1", "90", 1)], "long")

        assert [one.order_id for one in matched.unmatched] == ["sell-0"]
        assert [lot.order_id for lot in matched.state.lots] == ["buy-1"]


class TestEpisodes:
    def test_an_episode_lasts_from_flat_to_flat(self) -> None:
        book = [
            executed("buy", "1", "100", 0, fee="1"), executed("buy", "1", "110", 1, fee="1"),
            executed("sell", "1", "120", 2, fee="1"), executed("sell", "1", "105", 3, fee="1"),
            executed("buy", "1", "100", 4),
        ]  # fmt: skip

        first, second = match(book, "long").episodes

        assert (first.entries, first.exits, first.entered_quantity) == (2, 2, D(2))
        assert (first.opened_at, first.closed_at) == (at(0), at(3))
        assert (first.gross_pnl, first.fees, first.net_pnl) == (D(15), D(4), D(11))
        assert (first.entry_value, first.exit_value) == (D(210), D(225))
        assert (first.entry_order_id, first.exit_order_id) == ("buy-0", "sell-3")
        assert second.closed_at is None
        assert first.episode_id != second.episode_id

    def test_a_net_position_that_turns_round_ends_one_episode_and_begins_another(self) -> None:
        matched = match([executed("buy", "1", "100", 0), executed("sell", "3", "110", 1, fee="3")], "net")

        first, second = matched.episodes
        assert (first.side, first.closed_at, first.net_pnl) == ("long", at(1), D(9))
        assert (second.side, second.opened_at, second.closed_at) == ("short", at(1), None)
        assert not first.is_boundary
        (lot,) = matched.state.lots
        assert (lot.side, lot.quantity, lot.value, lot.fee) == ("short", D(2), D(220), D(2))

    def test_the_end_is_no_boundary_when_something_else_happens_at_that_moment(self) -> None:
        book = [
            executed("buy", "1", "100", 0), executed("sell", "1", "110", 1, order="x"),
            executed("sell", "1", "110", 1, order="y"),
        ]  # fmt: skip

        assert not match(book, "long").episodes[0].is_boundary
        assert match(book[:2], "long").episodes[0].is_boundary

    def test_the_same_book_gives_the_same_ids(self) -> None:
        book = [executed("buy", "1", "100", 0)]

        assert match(book, "long", book="a").episodes == match(book, "long", book="a").episodes
        assert match(book, "long", book="a").episodes != match(book, "long", book="b").episodes


class TestDust:
    BOOK = (executed("buy", "1", "100", 0), executed("sell", "0.9999", "110", 1))
    RULES = BookRules(quantity_step=D("0.001"))

    def test_a_rest_below_the_step_closes_for_nothing(self) -> None:
        matched = match(self.BOOK, "long", rules=self.RULES)

        sold, dust = matched.allocations
        assert (dust.kind, dust.quantity, dust.exit_value) == ("dust", D("0.0001"), D(0))
        assert dust.net_pnl == D("-0.01")
        assert dust.exit_order_id == "sell-1"
        assert (matched.episodes[0].closed_at, matched.episodes[0].has_dust) == (at(1), True)
        assert accounted_for(matched) == cash_flow(self.BOOK) == sold.net_pnl + dust.net_pnl  # type: ignore[operator]

    def test_a_rest_below_the_least_notional_is_dust_at_the_price_of_the_exit(self) -> None:
        worth = BookRules(quantity_step=D("0.00001"), minimum_notional=D(5))
        book = [executed("buy", "1", "100", 0), executed("sell", "0.96", "110", 1)]

        assert match(book, "long", rules=worth).allocations[-1].kind == "dust"
        assert match(book, "long").allocations[-1].kind == "matched"

    def test_a_rest_is_no_dust_while_its_order_still_executes(self) -> None:
        book = [
            executed("buy", "1", "100", 0), executed("sell", "0.9999", "110", 1, order="x"),
            executed("sell", "0.0001", "110", 2, order="x"),
        ]  # fmt: skip

        matched = match(book, "long", rules=self.RULES)

        assert [piece.kind for piece in matched.allocations] == ["matched", "matched"]
        assert not matched.unmatched

    def test_an_entry_below_the_step_is_no_dust(self) -> None:
        matched = match([executed("buy", "0.0001", "100", 0)], "long", rules=self.RULES)

        assert matched.state.lots
        assert not matched.allocations


class TestAverageCost:
    def test_every_exit_costs_the_average_of_what_is_open(self) -> None:
        book = [
            executed("buy", "1", "100", 0), executed("buy", "1", "120", 1), executed("sell", "1", "130", 2),
            executed("buy", "1", "150", 3), executed("sell", "2", "140", 4),
        ]  # fmt: skip

        matched = match(book, "long")

        assert [piece.average_net_pnl for piece in matched.allocations] == [D(20), D(10), D(10)]
        assert [piece.net_pnl for piece in matched.allocations] == [D(30), D(20), D(-10)]

    def test_both_bases_give_an_episode_the_same_result(self) -> None:
        book = [
            executed("sell", "3", "100", 0, fee="0.7"), executed("sell", "2", "97", 1, fee="0.1"),
            executed("buy", "4", "95", 2, fee="0.3"), executed("buy", "1", "99", 3),
        ]  # fmt: skip

        (episode,) = match(book, "short").episodes

        assert episode.average_net_pnl == episode.net_pnl


class TestWhatIsMissing:
    def test_a_price_that_nobody_knows_leaves_no_result(self) -> None:
        unpriced = executed("buy", "1", "0", 0, missing=frozenset({"price"}))._replace(price=None)

        matched = match([unpriced, executed("sell", "1", "110", 1)], "long")

        (piece,) = matched.allocations
        assert (piece.gross_pnl, piece.net_pnl) == (None, None)
        assert piece.missing == {"price"}
        assert not matched.episodes[0].is_priced

    def test_a_fee_that_cannot_be_converted_is_named_beside_the_figure(self) -> None:
        book = [
            executed("buy", "1", "100", 0, missing=frozenset({"fee:BNB"})),
            executed("sell", "1", "110", 1),
        ]

        matched = match(book, "long")

        assert matched.allocations[0].net_pnl == D(10)
        assert matched.allocations[0].missing == {"fee:BNB"}
        assert matched.episodes[0].missing == {"fee:BNB"}

    def test_money_without_a_quantity_is_kept_as_residue(self) -> None:
        book = [
            executed("buy", "1", "100", 0),
            executed("sell", "0", "0", 1, value=D(3), fee="0.5"),
            executed("sell", "1", "110", 2),
        ]

        matched = match(book, "long")

        residue, piece = matched.allocations
        assert (residue.kind, residue.gross_pnl, residue.net_pnl) == ("residue", D(3), D("2.5"))
        assert piece.kind == "matched"
        (episode,) = matched.episodes
        assert (episode.gross_pnl, episode.fees, episode.net_pnl) == (D(13), D("0.5"), D("12.5"))
        assert accounted_for(matched) == cash_flow(book)


class Piece(NamedTuple):
    entry: str
    exit_: str
    quantity: Decimal
    entry_value: Decimal
    exit_value: Decimal
    entry_fee: Decimal
    exit_fee: Decimal


def slow_fifo(
    executions: list[Execution], opening: str
) -> tuple[list[Piece], list[tuple[str, Decimal, Decimal, Decimal]], list[tuple[str, Decimal, Decimal]]]:
    """Match one side of a book with a deque and as little as possible beside it: what has to come out."""
    lots: deque[list[Any]] = deque()
    done: list[Piece] = []
    lone: list[tuple[str, Decimal, Decimal]] = []
    with localcontext(EXACT):
        for one in sorted(executions, key=lambda e: (e.executed_at, e.side != opening, e.order_id)):
            quantity, value, fee = one.quantity, one.value, one.fee
            if one.side == opening:
                lots.append([one.order_id, quantity, value, fee])
                continue
            while quantity and lots:
                lot = lots[0]
                taken = min(quantity, lot[1])
                costs = [part(lot[2], taken, lot[1]), part(lot[3], taken, lot[1])]
                gains = [part(value, taken, quantity), part(fee, taken, quantity)]
                done.append(Piece(lot[0], one.order_id, taken, costs[0], gains[0], costs[1], gains[1]))
                lot[1], lot[2], lot[3] = lot[1] - taken, lot[2] - costs[0], lot[3] - costs[1]
                quantity, value, fee = quantity - taken, value - gains[0], fee - gains[1]
                if not lot[1]:
                    lots.popleft()
            if quantity:
                lone.append((one.order_id, quantity, value))
    return done, [tuple(lot) for lot in lots], lone


def part(total: Decimal, taken: Decimal, whole: Decimal) -> Decimal:
    if taken == whole:
        return total
    exact = Fraction(total) * Fraction(taken) / Fraction(whole)
    return D(int(exact * 10**18)).scaleb(-18)


def history(seed: int) -> list[Execution]:
    """Return up to forty executions with ties in time, odd fees, and quantities that do not divide."""
    rng = random.Random(seed)
    return [
        executed(
            rng.choice(("buy", "sell")), str(D(rng.randint(1, 3 * 10**rng.randint(1, 8))).scaleb(-4)),
            str(D(rng.randint(1, 10**9)).scaleb(-rng.randint(0, 7))), rng.randint(0, 50), order=f"o{number}",
            fee=str(D(rng.randint(-5, 1000)).scaleb(-7)),
        )
        for number in range(rng.randint(1, 40))
    ]  # fmt: skip


@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_histories_match_as_a_slow_and_independent_implementation_does(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        for side, opening in (("long", "buy"), ("short", "sell")):
            book = history(seed)
            matched = match(book, side, rules=BookRules(D(0)))  # type: ignore[arg-type]
            done, lots, lone = slow_fifo(book, opening)

            assert [
                Piece(
                    one.entry_order_id, one.exit_order_id, one.quantity, one.entry_value, one.exit_value,
                    one.entry_fee, one.exit_fee,
                )
                for one in matched.allocations
            ] == done, seed  # fmt: skip
            assert [(lot.order_id, lot.quantity, lot.value, lot.fee) for lot in matched.state.lots] == lots
            assert [(one.order_id, one.quantity, one.value) for one in matched.unmatched] == lone


decimals = st.decimals(min_value=D("0.00000001"), max_value=D("100000"), places=8)
executions = st.lists(
    st.builds(
        lambda side, quantity, price, fee, minute, order, parent, closes: executed(
            side, str(quantity), str(price), minute, order=f"o{order}", fee=str(fee),
            parent_order_id=None if parent is None else f"o{parent}", closes_only=closes,
            position_id=f"p{order % 2}", value=quantity * price if quantity else price,
        ),
        st.sampled_from(("buy", "sell")), st.one_of(decimals, decimals, decimals, st.just(D(0))), decimals,
        st.decimals(min_value=D("-0.1"), max_value=D(10), places=9), st.integers(0, 30), st.integers(0, 8),
        st.none() | st.integers(0, 8), st.booleans(),
    ),
    max_size=25, unique_by=lambda one: (one.order_id, one.execution_id),
)  # fmt: skip
sides = st.sampled_from(POSITION_SIDES)
rules = st.sampled_from([BookRules(D(0)), BookRules(D("0.5")), BookRules(D("0.00001"), D(1000))])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(executions, sides, rules)
def test_no_digit_of_the_cash_flow_is_lost(
    book: list[Execution], side: PositionSide, dust: BookRules
) -> None:
    matched = match(book, side, rules=dust)

    assert accounted_for(matched) == cash_flow(book)
    with localcontext(EXACT):
        in_episodes = sum((one.net_pnl for one in matched.episodes), D(0))
        in_lots = sum((one.net_pnl or D(0) for one in matched.allocations), D(0))
        of_episodes = [piece for piece in matched.allocations if piece.episode_id is not None]
        average = sum((one.average_net_pnl or D(0) for one in matched.allocations), D(0))
        still_open = sum((lot.cash for lot in matched.state.lots), D(0))
        assert in_episodes == sum((piece.net_pnl or D(0) for piece in of_episodes), D(0))
        assert sum((episode.fees for episode in matched.episodes), D(0)) == sum(
            (piece.entry_fee + piece.exit_fee for piece in of_episodes), D(0)
        )
        assert average + matched.state.average_cash == in_lots + still_open
        assert sum(lot.quantity for lot in matched.state.lots) >= 0


@settings(max_examples=100, derandomize=True, deadline=None)
@given(executions, sides, rules, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(
    book: list[Execution], side: PositionSide, dust: BookRules, rng: random.Random
) -> None:
    shuffled = book[:]
    rng.shuffle(shuffled)

    assert match(shuffled, side, rules=dust) == match(book, side, rules=dust)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(executions, sides, rules, st.integers(0, 30))
def test_matching_on_from_a_state_gives_what_matching_from_the_start_gives(
    book: list[Execution], side: PositionSide, dust: BookRules, minute: int
) -> None:
    # An order that executes on both sides of the cut has to be matched anew from its first execution.
    moved = {one.order_id for one in book if one.executed_at <= at(minute)}
    before = [one for one in book if one.executed_at <= at(minute)]
    after = [one for one in book if one.executed_at > at(minute) and one.order_id not in moved]
    whole = match([*before, *after], side, rules=dust)

    first = match(before, side, rules=dust)
    second = match(after, side, rules=dust, state=first.state)

    assert [*first.allocations, *second.allocations] == whole.allocations
    assert [*first.unmatched, *second.unmatched] == whole.unmatched
    assert second.state == whole.state
    closed = [one for one in first.episodes if one.closed_at is not None]
    assert [*closed, *second.episodes] == whole.episodes


@settings(max_examples=150, derandomize=True, deadline=None)
@given(executions, sides, rules)
def test_matching_from_any_boundary_gives_what_matching_from_the_start_gives(
    book: list[Execution], side: PositionSide, dust: BookRules
) -> None:
    whole = match(book, side, rules=dust)

    for boundary in (one.closed_at for one in whole.episodes if one.is_boundary):
        assert boundary is not None
        rest = match([one for one in book if one.executed_at > boundary], side, rules=dust)

        assert rest.allocations == [one for one in whole.allocations if one.closed_at > boundary]
        assert rest.unmatched == [one for one in whole.unmatched if one.executed_at > boundary]
        assert rest.state == whole.state
