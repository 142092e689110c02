"""The existing bot's posts, with all their quirks, mean what their owner means by them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkage.domain.errors import InvalidInputError
from linkage.sources.bottrader import read_signal
from linkage.sources.sender import Sender
from tests.support.events import NOW
from tests.support.webhook import event_file

POST: dict[str, Any] = event_file("bottrader_signal.json")
SENDER = Sender("matrix", source="bottrader", venue="coinbase", account="main")


def _signal(**changes: Any) -> Any:
    return read_signal({**POST, **changes}, SENDER, NOW)


def _field(**changes: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        _signal(**changes)
    return caught.value.field


def test_the_recorded_post_becomes_a_signal() -> None:
    signal = _signal()
    assert signal.client_order_id == "2f20013648c6438c855bf4ef30e64cf8"
    assert signal.snapshot_id == UUID("b042c0bb-6184-4d40-aa65-2f7c8d83a243")
    assert (signal.symbol, signal.side, signal.trigger) == ("AVNT-USD", "buy", "roc_momo")
    assert signal.signalled_at == datetime(2025, 12, 29, 23, 22, 9, 714_000, tzinfo=UTC)
    assert (signal.price, signal.notional, signal.quantity) == (Decimal("0.4295"), Decimal(20), None)
    assert (signal.take_profit, signal.stop_loss) == (Decimal("0.4402375"), Decimal("0.42091"))
    assert (signal.venue, signal.account, signal.origin) == ("coinbase", "main", "sighook")
    assert signal.extra == {"verified": "valid", "action": "buy", "source": "Matrix"}


def test_scenario_22_scores_are_stored_as_they_came_and_null_is_not_zero() -> None:
    assert (_signal().buy_score, _signal().sell_score) == (None, None)
    both = _signal(score={"Buy Score": 3.5, "Sell Score": 0})
    assert (both.buy_score, both.sell_score) == (Decimal("3.5"), Decimal(0))
    other_spelling = _signal(score={"buy_score": 2, "sell_score": None})
    assert (other_spelling.buy_score, other_spelling.sell_score) == (Decimal(2), None)
    assert _signal(score=None).buy_score is None


def test_the_amount_is_quote_currency_on_a_buy_and_base_quantity_on_a_sell() -> None:
    sell = _signal(side="sell", action="sell", order_amount_fiat=46.5)
    assert (sell.notional, sell.quantity) == (None, Decimal("46.5"))
    assert _signal(order_amount_fiat=None).notional is None


def test_a_score_that_cannot_be_read_costs_that_score() -> None:
    signal = _signal(score={"Buy Score": "None", "Sell Score": 2})
    assert (signal.buy_score, signal.sell_score) == (None, Decimal(2))
    assert signal.extra["unreadable"] == {"buy_score": "not a finite number"}


def test_a_price_of_0_is_none_so_that_the_order_behind_the_post_is_placed() -> None:
    signal = _signal(limit_price=0, take_profit="0.0", stop_loss=0)
    assert (signal.price, signal.take_profit, signal.stop_loss) == (None, None, None)


@pytest.mark.parametrize(
    ("trigger", "name"),
    [
        ("tp_sl", "tp_sl"),
        ({"trigger": "rsi"}, "rsi"),
        ({}, None),
        (None, None),
        ("", None),
        ({"trigger": ""}, None),
    ],
)
def test_a_trigger_is_an_object_or_a_text(trigger: object, name: str | None) -> None:
    assert _signal(trigger=trigger).trigger == name


def test_a_trigger_note_is_kept() -> None:
    assert _signal(trigger={"trigger": "rsi", "trigger_note": "late"}).extra["trigger_note"] == "late"


def test_a_test_order_has_the_origin_test() -> None:
    assert _signal(source="TEST").origin == "test"


@pytest.mark.parametrize("action", ["open", "close", "close_at_limit", None])
def test_other_actions_leave_the_side_alone(action: str | None) -> None:
    assert _signal(side="sell", action=action).side == "sell"


@pytest.mark.parametrize("value", ["hold", "", None, 1, "short", True])
def test_scenario_16_an_unknown_side_is_refused_and_never_a_sell(value: object) -> None:
    assert _field(side=value) == "side"


@pytest.mark.parametrize("value", ["hold", "liquidate", 1])
def test_scenario_16_an_unknown_action_is_refused(value: object) -> None:
    assert _field(action=value) == "action"


def test_an_action_that_contradicts_the_side_is_refused() -> None:
    assert _field(side="sell", action="buy") == "action"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_id": None}, "order_id"),
        ({"pair": ""}, "pair"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 10**18}, "timestamp"),
        ({"timestamp": 45291.75}, "timestamp"),
        ({"order_id": "{{strategy.order.id}}"}, "order_id"),
        ({"snapshot_id": "b042"}, "snapshot_id"),
        ({"order_amount_fiat": -1}, "order_amount_fiat"),
        ({"limit_price": "cheap"}, "limit_price"),
        ({"trigger": {"trigger": 5}}, "trigger.trigger"),
    ],
)
def test_a_refusal_names_the_field_in_the_bots_own_words(changes: dict[str, Any], field: str) -> None:
    assert _field(**changes) == field


_TEXTS = st.text(max_size=3)
_NESTED = st.dictionaries(st.sampled_from(["trigger", "Buy Score", "x"]), st.none() | _TEXTS | st.integers())
_VALUES = st.none() | st.booleans() | st.integers() | st.decimals() | _TEXTS | _NESTED


# The first text takes a second or more where Hypothesis has yet to write down what characters there are.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(POST)), _VALUES, max_size=4))
def test_whatever_a_field_holds_the_post_is_a_signal_or_refused(changes: dict[str, Any]) -> None:
    try:
        signal = _signal(**changes)
    except InvalidInputError:
        return
    assert signal.side in ("buy", "sell")
    assert signal.meaning()
