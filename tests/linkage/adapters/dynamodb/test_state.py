"""State is replaced only by whoever read its last version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from linkage.adapters.aws.ssm_parameters import SsmParameters
from linkage.adapters.dynamodb.state import DynamoPaperStore, DynamoStateStore
from linkage.domain.errors import ConfigurationError, StateChangedError, StoreUnavailableError
from linkage.ports.paper import PaperStore
from linkage.ports.state import StateStore
from tests.functions.broker.fakes import FakePaperStore
from tests.functions.sighook.fakes import FakeStates
from tests.support.dynamodb import SignalsTable

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GONE = Config(connect_timeout=0.2, read_timeout=0.2, retries={"total_max_attempts": 1})


def unreachable(service: str) -> Any:
    return boto3.client(
        service, region_name="eu-central-1", endpoint_url="http://127.0.0.1:9", config=GONE,
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )  # fmt: skip


@pytest.fixture(params=["fake", "dynamodb"])
def states(request: pytest.FixtureRequest) -> StateStore:
    if request.param == "fake":
        return FakeStates()
    table: SignalsTable = request.getfixturevalue("signals_table")
    return DynamoStateStore(table.name, table.client)


@pytest.fixture(params=["fake", "dynamodb"])
def paper(request: pytest.FixtureRequest) -> PaperStore:
    if request.param == "fake":
        return FakePaperStore()
    table: SignalsTable = request.getfixturevalue("signals_table")
    return DynamoPaperStore(table.name, "paper", table.client)


def test_state_is_kept_for_each_strategy_and_arm(states: StateStore) -> None:
    assert states.load("matrix", "main") == (None, 0)
    states.save("matrix", "main", body="one", version=0, saved_at=NOON)
    states.save("matrix", "main", body="two", version=1, saved_at=NOON)

    assert states.load("matrix", "main") == ("two", 2)
    assert states.load("matrix", "b") == (None, 0)


@pytest.mark.parametrize("version", [0, 2])
def test_a_version_that_nobody_can_have_read_replaces_nothing(states: StateStore, version: int) -> None:
    states.save("matrix", "main", body="one", version=0, saved_at=NOON)
    with pytest.raises(StateChangedError):
        states.save("matrix", "main", body="two", version=version, saved_at=NOON)

    assert states.load("matrix", "main") == ("one", 1)


def test_paper_items_are_added_once_replaced_by_version_and_removed(paper: PaperStore) -> None:
    assert paper.add("ORDER#a", body="a", stored_at=NOON)
    assert not paper.add("ORDER#a", body="b", stored_at=NOON)
    paper.save("BOOK#A-USD", body="book", version=0, stored_at=NOON)
    paper.save("BOOK#A-USD", body="later", version=1, stored_at=NOON)
    with pytest.raises(StateChangedError):
        paper.save("BOOK#A-USD", body="stale", version=1, stored_at=NOON)

    assert {(item.name, item.body, item.version) for item in paper.items()} == {
        ("ORDER#a", "a", 1),
        ("BOOK#A-USD", "later", 2),
    }
    paper.remove("ORDER#a")
    paper.remove("ORDER#a")
    assert [item.name for item in paper.items()] == ["BOOK#A-USD"]


def test_accounts_do_not_see_each_other(signals_table: SignalsTable) -> None:
    one = DynamoPaperStore(signals_table.name, "one", signals_table.client)
    other = DynamoPaperStore(signals_table.name, "other", signals_table.client)
    one.add("ORDER#a", body="a", stored_at=NOON)

    assert other.items() == []


def test_a_table_or_a_parameter_store_that_is_away_is_said_to_be_so() -> None:
    table = unreachable("dynamodb")
    with pytest.raises(StoreUnavailableError):
        DynamoStateStore("t", table).load("matrix", "main")
    with pytest.raises(StoreUnavailableError):
        DynamoPaperStore("t", "paper", table).items()
    with pytest.raises(StoreUnavailableError):
        SsmParameters("/p", unreachable("ssm")).document()


def test_a_parameter_document_may_be_absent_and_is_read_each_time(signals_table: SignalsTable) -> None:
    client = boto3.client("ssm", region_name="eu-central-1")
    parameters = SsmParameters("/linkage/test/parameters", client)
    assert parameters.document() is None

    for text in ("rsi_buy = 30", "rsi_buy = 31"):
        client.put_parameter(Name="/linkage/test/parameters", Value=text, Type="String", Overwrite=True)
        assert parameters.document() == text


def test_an_override_takes_precedence_over_the_document_and_hides_no_bad_one(
    signals_table: SignalsTable,
) -> None:
    client = boto3.client("ssm", region_name="eu-central-1")
    parameters = SsmParameters("/linkage/test/parameters", client, override="rsi_buy = 25\nweights.rsi = 3")

    def document(text: str) -> str:
        client.put_parameter(Name="/linkage/test/parameters", Value=text, Type="String", Overwrite=True)
        return parameters.document() or ""

    assert json.loads(parameters.document() or "") == {"rsi_buy": 25, "weights": {"rsi": 3}}
    merged = json.loads(document("rsi_buy = 30\nweights.roc = 1"))
    assert merged == {"rsi_buy": 25, "weights": {"rsi": 3, "roc": 1}}
    assert document("rsi_buy = ") == "rsi_buy = "
    with pytest.raises(ConfigurationError):
        SsmParameters("/linkage/test/parameters", client, override="rsi_buy")
