"""A key made from evidence: the same on each retry, another for other evidence, never one of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.evidence import key_from_evidence
from linkage.domain.keys import is_ours

EVIDENCE: dict[str, Any] = {
    "bot_id": "grid",
    "strategy": "breakout",
    "snapshot_id": UUID(int=7),
    "symbol": "BTC-USD",
    "side": "buy",
    "trigger": "roc",
    "signalled_at": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
}


def test_the_published_vector_holds() -> None:
    assert key_from_evidence(**EVIDENCE) == "6f55bc65c6625f9cf081b7a9894b8dcc"


def test_the_same_moment_in_another_zone_is_the_same_evidence() -> None:
    east = EVIDENCE["signalled_at"].astimezone(timezone(timedelta(hours=2)))
    assert key_from_evidence(**EVIDENCE | {"signalled_at": east}) == key_from_evidence(**EVIDENCE)


@pytest.mark.parametrize(
    "change",
    [
        {"bot_id": "other"},
        {"strategy": None},
        {"snapshot_id": None},
        {"symbol": "ETH-USD"},
        {"side": "sell"},
        {"trigger": None},
        {"signalled_at": EVIDENCE["signalled_at"] + timedelta(milliseconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_evidence_makes_another_key(change: dict[str, Any]) -> None:
    assert key_from_evidence(**EVIDENCE | change) != key_from_evidence(**EVIDENCE)


@given(st.text(max_size=20), st.datetimes(timezones=st.just(UTC)))
def test_it_has_the_form_that_every_venue_takes_and_never_ours(bot_id: str, moment: datetime) -> None:
    key = key_from_evidence(**EVIDENCE | {"bot_id": bot_id, "signalled_at": moment})
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert key[12] == "5"
    assert not is_ours(key)
