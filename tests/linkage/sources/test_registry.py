"""A source is one row: what depends on it derives from that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

import pytest
import yaml

from functions.webhook import service
from functions.webhook.service import read_signal
from linkage.contracts.signals import Signal
from linkage.domain.errors import InvalidInputError
from linkage.sources.registry import FILL_SOURCES, GENERIC, SOURCES, Source
from linkage.sources.sender import Sender
from tests.support.webhook import event_file

NOW = datetime(2026, 1, 3, tzinfo=UTC)
DOCS = Path(__file__).parents[3] / "docs"
CANONICAL = {
    "client_order_id": "k1", "symbol": "BTC/USD", "side": "buy", "signalled_at": "2026-01-02T03:04:05Z",
}  # fmt: skip


def sender(source: str) -> Sender:
    return Sender("matrix", source=source, venue="coinbase", account="main")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_setup_of_a_source_can_be_filled_in(source: Source) -> None:
    url = f"https://api{source.path}"
    text = source.setup.format(url=url, api="https://api", token="T", venue="V", account="A")
    assert "{url}" not in text
    assert "https://api" in text


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_page_about_bots_has_the_heading_that_a_source_points_at(source: Source) -> None:
    titles = re.findall(r"^#+ (.+)$", (DOCS / "bots.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert source.docs in anchors


def test_the_api_description_names_the_sources_of_fills() -> None:
    paths = yaml.safe_load((DOCS / "openapi.yaml").read_text())["paths"]
    parameters = paths["/v1/fills/{source}"]["post"]["parameters"]
    (enumerated,) = [entry["schema"]["enum"] for entry in parameters if entry.get("name") == "source"]
    assert tuple(enumerated) == tuple(FILL_SOURCES) == ("generic",)


def test_names_are_unique() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize("name", [source.name for source in SOURCES])
def test_every_source_may_post_a_canonical_signal(name: str) -> None:
    signal, key_field = read_signal(CANONICAL, sender(name), NOW)
    assert (signal.symbol, signal.client_order_id, key_field) == ("BTC-USD", "k1", "client_order_id")


def test_the_existing_bots_own_posts_are_read_by_its_reader() -> None:
    signal, key_field = read_signal(event_file("bottrader_signal.json"), sender("bottrader"), NOW)
    assert (signal.symbol, signal.strategy, key_field) == ("AVNT-USD", "bottrader", "order_id")


@pytest.mark.parametrize("document", [None, [], "text"])
def test_what_is_no_object_is_refused_in_every_format(document: object) -> None:
    for source in SOURCES:
        with pytest.raises(InvalidInputError, match="JSON object"):
            read_signal(document, sender(source.name), NOW)


def test_what_is_no_object_is_refused_before_a_reader_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_fields: object, *_others: object) -> Never:
        pytest.fail("a reader saw what is no object")

    row = replace(GENERIC, name="stub", read_signal=read, is_native=read)
    monkeypatch.setattr(service, "BY_NAME", {"stub": row})
    with pytest.raises(InvalidInputError, match="JSON object") as caught:
        read_signal(["no", "object"], sender("stub"), NOW)
    assert caught.value.field == "body"


def test_a_source_without_a_row_speaks_the_canonical_format() -> None:
    signal, _ = read_signal(CANONICAL, sender("sighook"), NOW)
    assert signal.symbol == "BTC-USD"


def test_a_new_row_is_enough_for_a_new_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def stub(fields: Mapping[str, Any], sender: Sender, _now: datetime) -> Signal:
        canonical = {**CANONICAL, "client_order_id": fields["id"], "venue": sender.venue}
        return Signal.model_validate(canonical)

    row = replace(GENERIC, name="stub", read_signal=stub, key_field="id")
    monkeypatch.setattr(service, "BY_NAME", {"stub": row})
    signal, key_field = read_signal({"id": "s1"}, sender("stub"), NOW)
    assert (signal.client_order_id, signal.venue, key_field) == ("s1", "coinbase", "id")
