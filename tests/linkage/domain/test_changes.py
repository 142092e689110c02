"""What changed, in words."""

from __future__ import annotations

from decimal import Decimal

from linkage.domain.changes import changes_between


def words(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [change.text for change in changes_between(before, after)]


def test_changes_are_told_by_path_with_the_code_last() -> None:
    before = {
        "rsi_buy": 35.0,
        "code_version": "a1",
        "weights": {"rsi": Decimal("2.50")},
        "take_profit": "0.1",
    }
    after = {"rsi_buy": 30, "code_version": "b2", "weights": {"rsi": "3.0"}, "take_profit": 0.10}
    assert words(before, after) == ["rsi_buy 35 → 30", "weights.rsi 2.5 → 3", "the strategy's code a1 → b2"]


def test_lists_tell_what_they_gained_and_lost() -> None:
    before: dict[str, object] = {"exclusions": ["A-USD", "B-USD"], "seen": ["x", "y"]}
    after: dict[str, object] = {"exclusions": ["B-USD", "C-USD"], "seen": ["y", "x"]}
    assert words(before, after) == ["exclusions with C-USD, without A-USD", 'seen ["x", "y"] → ["y", "x"]']


def test_a_field_that_one_side_lacks_is_new_or_gone_and_none_is_a_value() -> None:
    assert words({"a": 1, "c": None}, {"b": "", "c": True}) == [
        "a is gone, it was 1",
        'b is new: ""',
        "c none → true",
    ]


def test_spelling_is_no_change() -> None:
    assert changes_between({"a": "0.10", "b": {"c": 1}}, {"b": {"c": 1.0}, "a": 0.1}) == []
