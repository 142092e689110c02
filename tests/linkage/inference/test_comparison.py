"""Verdicts: when a set is better or worse, and every reason not to say so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from linkage.domain.errors import InvalidInputError
from linkage.domain.facts import Window
from linkage.domain.performance import Observation, OpenPosition
from linkage.inference.comparison import Comparison, compare, level_of
from linkage.inference.records import ParameterSet
from linkage.inference.rules import Rules

START = datetime(2026, 1, 1, tzinfo=UTC)
HALF = Decimal("0.5")
RULES = Rules(resamples=499)


def arms(
    count: int = 1600, *, better: float = 0.012, seed: int = 1, propensity: Decimal | None = HALF
) -> dict[str, list[Observation]]:
    chance = random.Random(seed)
    sets: dict[str, list[Observation]] = {"a": [], "b": []}
    for number in range(count):
        name = chance.choice("ab")
        opened = START + timedelta(hours=number)
        result = chance.gauss(better if name == "b" else 0.0, 0.04)
        sets[name].append(
            Observation(
                str(number), opened, opened + timedelta(minutes=50),
                Decimal(f"{100 * result:.6f}"), Decimal(100), "USDT", propensity=propensity,
            )
        )  # fmt: skip
    return sets


def open_(pnl: str | None, count: int = 1) -> list[OpenPosition]:
    mark = None if pnl is None else Decimal(pnl)
    return [OpenPosition(START + timedelta(days=60), mark, Decimal(100), "USDT", HALF)] * count


def judged(
    sets: dict[str, list[Observation]],
    *,
    open_b: Sequence[OpenPosition] = (),
    open_a: Sequence[OpenPosition] = (),
    tried: int | None = None,
) -> Comparison:
    given = [ParameterSet("a", sets["a"], open_a), ParameterSet("b", sets["b"], open_b)]
    (found,) = compare(given, reference="a", tried=tried, rules=RULES)
    return found


def test_a_better_arm_is_better_and_seen_from_the_other_side_worse() -> None:
    sets = arms()
    found = judged(sets)
    assert (found.verdict, found.verdict_text, found.basis) == ("better", "better", "interleaved")
    assert found.interval is not None
    assert found.shrunken is not None
    assert found.p_value is not None
    assert found.interval.low > 0
    assert 0 < found.shrunken.mean < (found.difference or 0)
    assert found.p_value < 0.05
    assert found.more_needed is None
    (back,) = compare([ParameterSet(key, each) for key, each in sets.items()], reference="b", rules=RULES)
    assert back.verdict == "worse"


def test_equal_weights_give_the_plain_difference_of_means() -> None:
    sets = arms(400, better=0)
    first = max(sets["a"][0].opened_at, sets["b"][0].opened_at)
    last = min(sets["a"][-1].opened_at, sets["b"][-1].opened_at)
    means = {
        name: np.mean([float(one.per_unit or 0) for one in each if first <= one.opened_at <= last])
        for name, each in sets.items()
    }
    assert judged(sets).difference == pytest.approx(means["b"] - means["a"])


def test_a_rarely_drawn_episode_weighs_as_many_as_were_not_drawn() -> None:
    def episode(number: int, pnl: str, propensity: str) -> Observation:
        opened = START + timedelta(hours=number)
        return Observation(
            str(number), opened, opened + timedelta(minutes=5), Decimal(pnl), Decimal(100), "USDT",
            propensity=Decimal(propensity),
        )  # fmt: skip

    spell = [Window(START, START + timedelta(days=1))]
    one = ParameterSet("b", [episode(0, "4", "0.1"), episode(1, "1", "0.5")], spells=spell)
    base = ParameterSet("a", [episode(2, "0", "0.5"), episode(3, "1", "0.5")], spells=spell)
    (found,) = compare([base, one], reference="a", rules=RULES)
    # (10 * 4 + 2 * 1) / 12 % less 0.5 %.
    assert found.difference == pytest.approx(0.035 - 0.005)


def test_without_a_draw_nothing_can_be_separated_from_the_market() -> None:
    for propensity in (None, Decimal(1)):
        found = judged(arms(propensity=propensity))
        assert (found.verdict, found.basis) == ("cannot separate from the market", "not drawn")
        assert found.more_needed is None


def test_sets_of_different_weeks_cannot_be_separated_from_the_market() -> None:
    sets = arms()
    later = timedelta(days=365)
    moved = [
        replace(one, opened_at=one.opened_at + later, closed_at=one.closed_at + later) for one in sets["b"]
    ]
    given = [ParameterSet("a", sets["a"], market_return=-0.1), ParameterSet("b", moved, market_return=0.2)]
    (found,) = compare(given, reference="a", rules=RULES)
    assert (found.verdict, found.basis) == ("cannot separate from the market", "disjoint")
    assert (found.market_return, found.market_return_reference) == (0.2, -0.1)
    assert found.difference is not None


def test_only_what_ran_in_the_same_spells_is_compared() -> None:
    sets = arms(400)
    half = START + timedelta(hours=200)
    given = [
        ParameterSet("a", sets["a"], spells=[Window(START, START + timedelta(hours=400))]),
        ParameterSet("b", sets["b"], spells=[Window(half, START + timedelta(hours=400))]),
    ]
    (found,) = compare(given, reference="a", rules=RULES)
    assert found.n_reference == sum(one.opened_at >= half for one in sets["a"])
    assert found.n == sum(one.opened_at >= half for one in sets["b"])


def test_too_few_episodes_need_about_so_many_more() -> None:
    found = judged(arms(60))
    assert found.verdict == "cannot say yet"
    assert found.verdict_text.startswith("cannot say yet (needs about ")
    assert 400 < (found.more_needed or 0) < 900
    bare = judged({"a": arms(60)["a"], "b": []})
    assert (bare.verdict, bare.difference, bare.interval) == ("cannot say yet", None, None)
    assert 400 < (bare.more_needed or 0) < 900


def test_how_many_are_needed_does_not_depend_on_the_difference_that_was_seen() -> None:
    assert judged(arms(400, better=0.004)).more_needed == pytest.approx(
        judged(arms(400, better=0.0)).more_needed
    )


def test_open_positions_that_turn_the_sign_forbid_a_verdict() -> None:
    sets = arms()
    assert judged(sets, open_b=open_("-1")).verdict == "better"
    found = judged(sets, open_b=open_("-60", 40))
    assert (found.verdict, found.reason) == (
        "cannot say yet",
        "Open positions, at the mark, turn the difference.",
    )
    assert judged(sets, open_a=open_("60", 40)).verdict == "cannot say yet"
    assert judged(sets, open_b=open_(None)).reason == "Open positions have no mark."


@pytest.mark.parametrize("sets", [1, 2, 3, 50])
def test_the_levels_of_any_number_of_sets_share_the_chance_of_a_false_claim(sets: int) -> None:
    levels = [level_of(rank, RULES) for rank in range(1, sets + 1)]

    assert levels == pytest.approx([0.05 / (rank * (rank + 1)) for rank in range(1, sets + 1)])
    assert sum(levels) == pytest.approx(0.05 * sets / (sets + 1))


def test_every_set_that_was_ever_tried_makes_a_claim_harder() -> None:
    sets = arms(1200)
    few, many = judged(sets), judged(sets, tried=400)
    assert few.verdict == "better"
    assert many.verdict == "cannot say yet"
    assert few.interval is not None
    assert many.interval is not None
    assert many.interval.high - many.interval.low > 1.3 * (few.interval.high - few.interval.low)
    assert (many.p_value or 0) > 0.05 >= (few.p_value or 1)


def test_a_set_that_is_tried_later_does_not_take_a_claim_back() -> None:
    sets = arms()
    worthless = {key: arms(seed=number, better=0)["b"] for number, key in enumerate("cdef")}
    given = [ParameterSet(key, each) for key, each in (sets | worthless).items()]
    found = compare(given, reference="a", rules=RULES)
    assert [each.verdict for each in found] == ["better", *["cannot say yet"] * 4]
    assert found[0].interval == judged(sets).interval


def test_equal_arms_are_told_that_a_difference_would_have_shown() -> None:
    found = judged(arms(4000, better=0.0))
    assert (found.verdict, found.more_needed) == ("cannot say yet", 0)
    assert found.verdict_text == "cannot say yet"
    assert "smaller than" in found.reason or "would most likely have shown" in found.reason


def test_a_calm_set_is_not_thought_calmer_than_both_together() -> None:
    sets = arms(1000, better=0)
    calm = [
        replace(one, net_pnl=Decimal("0.9") + (index % 2) * Decimal("0.2"))
        for index, one in enumerate(sets["b"])
    ]
    wild = judged({"a": sets["a"], "b": calm}).interval
    plain = judged(sets).interval
    assert wild is not None
    assert plain is not None
    assert wild.high - wild.low > 0.75 * (plain.high - plain.low)


def test_an_unknown_reference_and_mixed_currencies_are_refused() -> None:
    sets = arms(20)
    with pytest.raises(InvalidInputError, match="not among"):
        compare([ParameterSet("a", sets["a"])], reference="x")
    other = [replace(one, currency="EUR") for one in sets["b"]]
    with pytest.raises(InvalidInputError, match="EUR and USDT"):
        compare([ParameterSet("a", sets["a"]), ParameterSet("b", other)], reference="a")
    assert compare([ParameterSet("a", [])], reference="a") == []
