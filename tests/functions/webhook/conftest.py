"""The webhook with stand-ins behind it, and a way to call it as the HTTP API does."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.webhook import dependencies
from functions.webhook.forwarding import TeeTimes
from functions.webhook.handler import receive
from functions.webhook.service import Ports
from functions.webhook.settings import WebhookSettings
from linkage.domain.webhook_signature import sign
from linkage.runtime.dependencies import reset
from tests.support.clock import FrozenClock
from tests.support.fakes import FakeQueue, FakeSignalStore
from tests.support.webhook import FakeBots, FakeForwarder, FakeKeys, event_file


@dataclass
class Answer:
    """What the HTTP API gets back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> Any:
        """The JSON document in the body."""
        return json.loads(self.text)

    @property
    def refusal(self) -> tuple[int, str | None]:
        """Status and field of a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.document["status"] == self.status
        assert {"type", "title", "detail"} <= set(self.document)
        return self.status, self.document.get("field")


@dataclass
class WebhookApi:
    """The deployed function, as far as a caller can tell."""

    clock: FrozenClock = field(default_factory=FrozenClock)
    bots: FakeBots = field(default_factory=FakeBots)
    keys: FakeKeys = field(default_factory=FakeKeys)
    queue: FakeQueue = field(default_factory=FakeQueue)
    forwarder: FakeForwarder = field(default_factory=FakeForwarder)
    store: FakeSignalStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = FakeSignalStore(self.clock)

    def ports(self) -> Ports:
        """Return the dependencies."""
        times = TeeTimes(wait=0.01)
        return Ports(self.store, self.bots, self.keys, self.queue, self.forwarder, self.clock, times)

    def call(
        self,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        encoded: bool = False,
    ) -> Answer:
        """Send raw bytes with these headers."""
        event = event_file("http_api_signal.json")
        event["rawPath"] = path
        event["requestContext"]["http"].update(method=method, path=path)
        del event["headers"]["authorization"]
        event["headers"].update(headers or {})
        event["isBase64Encoded"] = encoded
        event["body"] = base64.b64encode(body).decode() if encoded else body.decode("utf-8", "replace")
        reply = receive(event, None)
        return Answer(reply["statusCode"], reply["headers"], reply["body"])

    def post(self, path: str, document: Any, token: str, **headers: str) -> Answer:
        """Post a document with a bearer token."""
        return self.call(path, json.dumps(document).encode(), {"authorization": f"Bearer {token}", **headers})

    def post_signed(self, path: str, document: Any, *, message_id: str = "msg_1") -> Answer:
        """Post a document with a signature of ours."""
        body = json.dumps(document).encode()
        stamp = int(self.clock.now().timestamp())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(message_id, stamp, body, [b"k" * 48]),
        }
        return self.call(path, body, headers)

    def events(self) -> list[Any]:
        """Return the events on the queue."""
        messages = [json.loads(body) for body in self.queue.sent]
        return [
            event for message in messages for event in (message if isinstance(message, list) else [message])
        ]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[WebhookApi]:
    """The webhook, with an empty store and no bots; ``capsys`` reads what it logs."""
    api = WebhookApi()
    settings = WebhookSettings(stage="test", table_name="t", fills_queue_url="q", secret_id="s")
    reset()
    # A new logger writes to the standard output of this test, not to that of the first one.
    logging.Logger.manager.loggerDict.pop(dependencies.SERVICE, None)
    ports = api.ports()
    monkeypatch.setattr(dependencies, "settings", lambda: settings)
    monkeypatch.setattr(dependencies, "ports", lambda: ports)
    yield api
    reset()
