"""``linkage bot`` and ``linkage switch``, on the product's table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.bot import Registration, register
from cli.bot_instructions import instructions
from cli.cloud import Cloud, Options
from cli.main import app
from linkage.adapters.dynamodb.bots import DynamoBotDirectory
from linkage.adapters.dynamodb.signals import DynamoSwitchboard
from linkage.contracts.signals import BotRecord
from linkage.domain.errors import ConfigurationError
from linkage.domain.ids import BotId
from linkage.domain.tokens import hash_token, is_token
from linkage.sources.canonical import read_signal
from linkage.sources.sender import Sender
from tests.support.dynamodb import SignalsTable, moto_table

API = "https://abc123.execute-api.eu-central-1.amazonaws.com"
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
ADD = ["bot", "add", "matrix", "--source", "bottrader", "--venue", "coinbase"]


class TableCloud(Cloud):
    """A stage that has a table and a URL."""

    def __init__(self, table: SignalsTable) -> None:
        super().__init__("test")
        self._table = table

    def client(self, service: str, **_: Any) -> Any:
        """Return the table's client."""
        assert service == "dynamodb"
        return self._table.client

    def output(self, name: str) -> str:
        """Return the table's name."""
        return {"TableName": self._table.name}[name]

    @property
    def api_url(self) -> str:
        """A URL as AWS makes them."""
        return API


@pytest.fixture
def table() -> Iterator[SignalsTable]:
    with moto_table() as table:
        yield table


@pytest.fixture
def directory(table: SignalsTable) -> DynamoBotDirectory:
    return DynamoBotDirectory(table.name, table.client)


def _run(table: SignalsTable, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), obj=Options(cloud=TableCloud(table)))


def test_add_prints_url_token_and_what_to_paste(table: SignalsTable, directory: DynamoBotDirectory) -> None:
    result = _run(table, *ADD, "--forward-url", "https://8.8.8.8:5003/webhook", "--expects-signals", "mixed")
    assert result.exit_code == 0
    assert f"url    {API}/webhook" in result.stdout
    (token,) = set(re.findall(r"lkt_[\w-]{43}", result.stdout))
    assert "/v1/orders" in result.stdout
    assert "https://8.8.8.8:5003/webhook" in result.stdout
    found = directory.find_by_token(hash_token(token))
    assert found is not None
    record = BotRecord.model_validate_json(found)
    assert (record.bot_id, record.expects_signals, record.mode) == ("matrix", "mixed", "live")


def test_json_is_for_scripts(table: SignalsTable) -> None:
    added = json.loads(_run(table, *ADD, "--json").stdout)
    assert is_token(added["token"])
    assert added["url"] == f"{API}/webhook"
    (listed,) = json.loads(_run(table, "bot", "list", "--json").stdout)
    assert (listed["bot_id"], listed["tokens"]) == ("matrix", 1)
    assert "token_hashes" not in listed


def test_a_second_bot_of_that_name_is_a_usage_error(table: SignalsTable) -> None:
    _run(table, *ADD)
    result = _run(table, *ADD)
    assert result.exit_code == 2
    assert "already" in result.stderr


def test_rotate_shows_a_new_token_and_the_old_one_still_holds(
    table: SignalsTable, directory: DynamoBotDirectory
) -> None:
    old = json.loads(_run(table, *ADD, "--json").stdout)["token"]
    new = json.loads(_run(table, "bot", "rotate", "matrix", "--json").stdout)["token"]
    assert directory.find_by_token(hash_token(old)) is not None
    assert directory.find_by_token(hash_token(new)) is not None
    _run(table, "bot", "rotate", "matrix", "--at-once")
    assert directory.find_by_token(hash_token(new)) is None


def test_remove_takes_the_tokens_away(table: SignalsTable, directory: DynamoBotDirectory) -> None:
    _run(table, *ADD)
    assert _run(table, "bot", "remove", "matrix").exit_code == 0
    assert directory.get(BotId("matrix")) is None
    assert _run(table, "bot", "remove", "matrix").exit_code == 2
    assert json.loads(_run(table, "bot", "list", "--json").stdout) == []
    assert "(removed)" in _run(table, "bot", "list", "--removed").stdout


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Matrix"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "sighook"}, "name"),
        ({"client_id_pattern": "("}, "client_id_pattern"),
        ({"forward_url": "ftp://host/x"}, "forward_url"),
        ({"forward_url": "http://"}, "forward_url"),
        ({"forward_url": "http://host:x/"}, "forward_url"),
        ({"forward_url": "https://user:secret@8.8.8.8/"}, "forward_url"),
        ({"forward_url": "http://8.8.8.8/"}, "forward_url"),
        ({"forward_url": "https://127.0.0.1/"}, "forward_url"),
        ({"forward_url": "https://2130706433/"}, "forward_url"),
        ({"forward_url": "https://0x7f.1/"}, "forward_url"),
        ({"forward_url": "https://[::ffff:169.254.169.254]/"}, "forward_url"),
        ({"forward_url": "https://169.254.169.254/latest/meta-data"}, "forward_url"),
        ({"forward_url": "https://10.1.2.3/", "insecure": True}, "forward_url"),
        ({"forward_authorization": True}, "forward_url"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
    ],
)
def test_a_wrong_registration_is_refused_and_named(
    directory: DynamoBotDirectory, change: dict[str, Any], field: str
) -> None:
    wanted = {"name": "matrix", "source": "generic", "venue": "coinbase", "account": "main", **change}
    with pytest.raises(ConfigurationError) as caught:
        register(directory, Registration(**wanted), now=NOW)
    assert caught.value.field == field
    assert directory.all() == []


@pytest.mark.parametrize("source", ["bottrader", "tradingview", "freqtrade", "ccxt", "generic"])
def test_every_source_has_a_guide_whose_json_is_taken(source: str) -> None:
    record = BotRecord(
        bot_id="x", source=source, venue="coinbase", account="main", linked_since=NOW, updated_at=NOW
    )
    guide = instructions(record, api_url=API, token="lkt_token")
    assert guide.url.startswith(API)
    assert "lkt_token" in guide.text
    assert "{{" not in guide.text
    for body in re.findall(r"-d '(\{.*?\})'", guide.text, flags=re.DOTALL):
        document = json.loads(body)
        if "signalled_at" in document:
            assert read_signal(document, Sender("x"), datetime.now(UTC)).symbol == "BTC-USD"


def test_the_switch_turns_and_tells(table: SignalsTable) -> None:
    switchboard = DynamoSwitchboard(table.name, table.client)
    assert _run(table, "switch", "show").stdout == "linking is on\n"
    assert _run(table, "switch", "off", "--by", "ops").stdout == "linking is off\n"
    assert not switchboard.linking_enabled()
    (item,) = table.items()
    assert json.loads(item["body"]["S"])["changed_by"] == "ops"
    assert json.loads(_run(table, "switch", "on", "--json").stdout) == {"linking_enabled": True}
    assert switchboard.linking_enabled()


def test_a_source_that_nobody_reads_is_a_usage_error_that_names_the_known_ones(table: SignalsTable) -> None:
    result = _run(table, "bot", "add", "x", "--source", "nonsense", "--venue", "coinbase")
    assert result.exit_code == 2
    assert "'nonsense' is not one of 'bottrader'" in result.stderr
