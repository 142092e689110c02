"""The directory of bots, on the product's table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import ConfigurationError, StoreUnavailableError
from linkage.domain.ids import BotId
from linkage.domain.tokens import hash_token, is_token, make_token
from tests.support.dynamodb import SignalsTable

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
GRID = BotId("grid")


@pytest.fixture
def directory(signals_table: SignalsTable) -> DynamoBotDirectory:
    return DynamoBotDirectory(signals_table.name, signals_table.client)


def _record(token: str, bot_id: str = "grid", **fields: Any) -> BotRecord:
    known = {
        "source": "generic",
        "venue": "coinbase",
        "account": "main",
        "linked_since": NOW,
        "updated_at": NOW,
    }
    return BotRecord.model_validate(
        {**known, "bot_id": bot_id, "token_hashes": [hash_token(token)], **fields}
    )


def test_a_token_is_random_and_only_its_hash_is_stored(
    directory: DynamoBotDirectory, signals_table: SignalsTable
) -> None:
    token = make_token()
    assert is_token(token)
    assert make_token() != token
    directory.add(_record(token))
    assert token not in repr(signals_table.items())
    assert hash_token(token) in repr(signals_table.items())


def test_a_bot_is_found_by_its_token_and_by_its_name(directory: DynamoBotDirectory) -> None:
    record = _record("one")
    directory.add(record)
    assert directory.find_by_token(hash_token("one")) == record.model_dump_json()
    assert directory.get(GRID) == record.model_dump_json()
    assert directory.find_by_token(hash_token("two")) is None
    assert directory.get(BotId("other")) is None


def test_a_name_is_taken_once(directory: DynamoBotDirectory) -> None:
    directory.add(_record("one"))
    with pytest.raises(ConfigurationError, match="already"):
        directory.add(_record("two"))
    assert directory.find_by_token(hash_token("two")) is None


def test_after_a_rotation_two_tokens_hold_and_after_the_next_the_first_does_not(
    directory: DynamoBotDirectory,
) -> None:
    directory.add(_record("one"))
    directory.rotate(GRID, hash_token("two"), at=NOW + timedelta(hours=1))
    assert directory.find_by_token(hash_token("one")) is not None
    assert directory.find_by_token(hash_token("two")) is not None
    directory.rotate(GRID, hash_token("three"), at=NOW + timedelta(hours=2))
    assert directory.find_by_token(hash_token("one")) is None
    assert directory.find_by_token(hash_token("two")) is not None


def test_a_token_can_be_taken_away_at_once(directory: DynamoBotDirectory) -> None:
    directory.add(_record("one"))
    record = directory.rotate(GRID, hash_token("two"), at=NOW + timedelta(hours=1), keep_previous=False)
    assert record.token_hashes == [hash_token("two")]
    assert directory.find_by_token(hash_token("one")) is None


def test_a_removed_bot_has_no_token_and_its_record_stays(
    directory: DynamoBotDirectory, signals_table: SignalsTable
) -> None:
    directory.add(_record("one"))
    directory.remove(GRID, at=NOW + timedelta(hours=1))
    assert directory.find_by_token(hash_token("one")) is None
    assert directory.get(GRID) is None
    assert directory.all() == []
    assert [record.bot_id for record in directory.all(removed=True)] == ["grid"]
    assert [item["kind"]["S"] for item in signals_table.items()] == ["bot"]
    with pytest.raises(ConfigurationError):
        directory.remove(GRID, at=NOW)


def test_a_removed_bots_name_may_be_used_again(directory: DynamoBotDirectory) -> None:
    directory.add(_record("one"))
    directory.remove(GRID, at=NOW + timedelta(hours=1))
    directory.add(_record("two", updated_at=NOW + timedelta(hours=2)))
    assert directory.find_by_token(hash_token("two")) is not None
    assert directory.find_by_token(hash_token("one")) is None


def test_a_change_in_between_is_noticed(
    directory: DynamoBotDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.add(_record("one"))
    seen = directory.get(GRID)
    directory.rotate(GRID, hash_token("two"), at=NOW + timedelta(hours=1))
    monkeypatch.setattr(directory, "get", lambda _bot_id: seen)
    with pytest.raises(StoreUnavailableError, match="meanwhile"):
        directory.rotate(GRID, hash_token("three"), at=NOW + timedelta(hours=2))


def test_bots_are_listed_by_name(directory: DynamoBotDirectory) -> None:
    for name in ("grid", "dca", "matrix"):
        directory.add(_record(name, bot_id=name))
    assert [record.bot_id for record in directory.all()] == ["dca", "grid", "matrix"]


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem"),
        ConnectTimeoutError(endpoint_url="https://example"),
    ],
)
def test_a_table_that_is_away_is_the_stores_own_error(failure: Exception) -> None:
    class Away:
        def get_item(self, **_: Any) -> Any:
            raise failure

    with pytest.raises(StoreUnavailableError):
        DynamoBotDirectory("t", Away()).get(GRID)
