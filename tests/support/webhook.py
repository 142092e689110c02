"""Stand-ins for what the webhook talks to, and a receiver that listens on this machine."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from linkage.contracts.signals import BotRecord
from linkage.domain.errors import LinkageError
from linkage.domain.ids import BotId
from linkage.domain.tokens import hash_token, make_token

EVENTS = Path(__file__).parents[1] / "events"


def event_file(name: str) -> Any:
    """Return a recorded event."""
    return json.loads((EVENTS / name).read_text())


@dataclass
class FakeBots:
    """A ``BotDirectory`` in a list."""

    records: list[BotRecord] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def register(self, **fields: Any) -> str:
        """Add a bot and return its token."""
        token = make_token()
        moment = "2026-01-01T00:00:00Z"
        known = {"source": "generic", "venue": "coinbase", "account": "main", "linked_since": moment}
        record = {**known, "updated_at": moment, "token_hashes": [hash_token(token)], **fields}
        self.records.append(BotRecord.model_validate(record))
        return token

    def find_by_token(self, token_hash: str) -> str | None:
        """See ``ports.bots.BotDirectory``."""
        found = [bot for bot in self.records if token_hash in bot.token_hashes]
        return found[0].model_dump_json() if found else None

    def get(self, bot_id: BotId) -> str | None:
        """See ``ports.bots.BotDirectory``."""
        found = [bot for bot in self.records if bot.bot_id == bot_id]
        return found[0].model_dump_json() if found else None


@dataclass
class FakeKeys:
    """``WebhookKeys`` that become ``next_keys`` when they are read again."""

    keys: tuple[bytes, ...] = (b"k" * 48,)
    next_keys: tuple[bytes, ...] = ()
    refreshed: int = 0

    def current(self) -> Sequence[bytes]:
        """See ``ports.keys.WebhookKeys``."""
        return self.keys

    def refresh(self) -> bool:
        """See ``ports.keys.WebhookKeys``."""
        self.refreshed += 1
        changed = bool(self.next_keys) and self.next_keys != self.keys
        self.keys = self.next_keys or self.keys
        return changed


@dataclass
class FakeForwarder:
    """A ``Forwarder`` that keeps what it was asked and what it passed on; ``failures`` are raised in turn."""

    asked: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    forwarded: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)
    failures: list[LinkageError] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self.forwarded)

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """See ``ports.forwarding.Forwarder``."""
        self.asked.append((url, body, headers))
        self.before()
        if self.failures:
            raise self.failures.pop(0)
        self.forwarded.append((url, body, headers))


@dataclass
class Receiver:
    """A server on this machine that answers what it is told, in turn, then 200.

    An answer of 0 closes the connection without one. ``seconds`` is how long it takes for each.
    """

    url: str = ""
    seconds: float = 0
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.requests)


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Yield a receiver on a free port; with a context of certificate and key, over TLS."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            receiver.paths.append(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append((headers | {"from-port": str(self.client_address[1])}, body))
            status, answer = receiver.answers.pop(0) if receiver.answers else (200, b"{}")
            time.sleep(receiver.seconds)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            with suppress(ConnectionError):  # who waited too long for it is gone
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    receiver.url = f"http{'' if context is None else 's'}://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
