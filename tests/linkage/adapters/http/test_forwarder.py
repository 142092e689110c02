"""Passing a post on: unchanged, once, never to another place."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linkage.adapters.http.forwarder import HttpForwarder
from linkage.domain.errors import DeliveryError, ForbiddenAddressError, NotSentError, RefusedError
from local.certificates import write_server_certificate
from tests.support.webhook import Receiver, listening

BODY = b'{"pair": "AVNT-USD",   "order_amount_fiat": 20.0}\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


def _forwarder(seconds: float = 2) -> HttpForwarder:
    return HttpForwarder(timeout_seconds=seconds, loopback=True)


def test_body_and_headers_arrive_as_they_were(receiver: Receiver) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer x"}
    _forwarder().forward(receiver.url + "/webhook", BODY, headers)
    ((got, body),) = receiver.requests
    assert body == BODY
    assert headers.items() <= got.items()


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_receiver_that_asks_for_a_later_post_did_not_take_this_one(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    with pytest.raises(NotSentError):
        _forwarder().forward(receiver.url, BODY, {})
    assert len(receiver) == 1


@pytest.mark.parametrize("status", [500, 502, 504, 0])
def test_a_receiver_that_failed_on_its_way_may_have_taken_it(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    with pytest.raises(DeliveryError) as caught:
        _forwarder().forward(receiver.url, BODY, {})
    assert not isinstance(caught.value, NotSentError)
    assert len(receiver) == 1


def test_a_receiver_that_answers_too_late_may_have_taken_it(receiver: Receiver) -> None:
    receiver.seconds = 0.5
    with pytest.raises(DeliveryError) as caught:
        _forwarder(0.2).forward(receiver.url, BODY, {})
    assert not isinstance(caught.value, NotSentError)


def test_a_connection_that_the_receiver_closed_meanwhile_costs_nothing(receiver: Receiver) -> None:
    forwarder = _forwarder()
    for _ in range(3):
        forwarder.forward(receiver.url, BODY, {})
    assert len({headers["from-port"] for headers, _ in receiver.requests}) == 3


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404])
def test_a_receiver_that_refuses_is_not_asked_again_nor_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, b"")]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    with pytest.raises(RefusedError) as caught:
        _forwarder().forward(receiver.url, BODY, {})
    assert caught.value.status_code == status
    assert len(receiver) == 1


def test_where_nobody_listens_nothing_was_sent() -> None:
    with listening() as gone:
        pass
    with pytest.raises(NotSentError):
        _forwarder(0.5).forward(gone.url, BODY, {})


def _named(receiver: Receiver, host: str) -> str:
    return receiver.url.replace("127.0.0.1", host)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"],
)
def test_this_machine_is_refused_however_it_is_spelt(receiver: Receiver, host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        HttpForwarder(timeout_seconds=2).forward(_named(receiver, host), BODY, {})
    assert len(receiver) == 0


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "fd00:ec2::254"])
def test_a_name_with_one_forbidden_address_is_refused_even_where_this_machine_is_allowed(
    receiver: Receiver, address: str
) -> None:
    forwarder = HttpForwarder(timeout_seconds=2, loopback=True, resolve=lambda *_: ["127.0.0.1", address])
    with pytest.raises(ForbiddenAddressError):
        forwarder.forward(_named(receiver, "receiver.example"), BODY, {})
    assert len(receiver) == 0


def test_the_connection_goes_to_the_address_that_was_checked_and_nothing_is_resolved_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    known = socket.getaddrinfo

    def rebinding(host: str, *arguments: Any, **named: Any) -> Any:
        asked.append(host)
        return known("127.0.0.1", *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    _forwarder().forward(_named(receiver, "receiver.example"), BODY, {})
    assert [host for host in asked if host != "127.0.0.1"] == ["receiver.example"]
    assert receiver.requests[0][0]["host"] == _named(receiver, "receiver.example").removeprefix("http://")


def test_the_next_address_is_tried_where_the_first_cannot_be_reached(receiver: Receiver) -> None:
    forwarder = HttpForwarder(timeout_seconds=2, loopback=True, resolve=lambda *_: ["::1", "127.0.0.1"])
    forwarder.forward(_named(receiver, "receiver.example"), BODY, {})
    assert len(receiver) == 1


@pytest.mark.parametrize(("certified", "arrives"), [("receiver.example", True), ("other.example", False)])
def test_the_certificate_has_to_be_for_the_name_and_not_for_the_address(
    tmp_path: Path, certified: str, arrives: bool
) -> None:
    write_server_certificate(tmp_path, names=(certified,))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with listening(server) as receiver:
        forwarder = HttpForwarder(
            timeout_seconds=2, loopback=True, resolve=lambda *_: ["127.0.0.1"], context=trusted
        )
        if arrives:
            forwarder.forward(_named(receiver, "receiver.example"), BODY, {})
        else:
            with pytest.raises(NotSentError):
                forwarder.forward(_named(receiver, "receiver.example"), BODY, {})
        assert len(receiver) == int(arrives)


@pytest.mark.parametrize("url", ["ftp://receiver.example/", "https://receiver.invalid/", "https://"])
def test_what_cannot_be_found_was_not_sent(url: str) -> None:
    def nobody(*_: object) -> list[str]:
        raise socket.gaierror

    with pytest.raises(NotSentError):
        HttpForwarder(timeout_seconds=2, resolve=nobody).forward(url, BODY, {})
