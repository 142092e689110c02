"""One local cloud for all end-to-end tests: the CDK app, deployed as `linkage local up` deploys it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from cli.cloud import Cloud
from cli.main import app
from local.cloud import LocalCloud
from local.deploy import StageOptions

T = TypeVar("T")

OPTIONS = StageOptions(broker=False, recipients=("trader@example.com",))
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Deployed:
    """The deployed product, from outside."""

    local: LocalCloud
    cloud: Cloud

    @property
    def api_url(self) -> str:
        """Base URL of the HTTP API."""
        return self.local.state.api_url

    def rows(self, sql: str) -> list[list[Any]]:
        """Return what ``linkage sql`` returns."""
        reply = self.cloud.invoke("QueryLedgerFunction", {"sql": sql})
        assert reply["ok"], reply
        rows: list[list[Any]] = reply["rows"]
        return rows

    def command(self, *arguments: str, exit_code: int = 0) -> str:
        """Run the command line against this cloud and return its standard output."""
        environment = {"LINKAGE_LOCAL_DIR": str(self.local.directory), "LINKAGE_STAGE": "local"}
        result = CliRunner().invoke(app, list(arguments), env=environment)
        assert result.exit_code == exit_code, (arguments, result.output, result.exception)
        return result.stdout

    def logged(self, function: str, text: str) -> bool:
        """Tell whether a function logged this text, by the text search that an operator does."""
        return text in self.command("local", "logs", function, "--grep", text)


def eventually(check: Callable[[], T], what: str) -> T:
    """Return the first true value of a check; fail when there is none before the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
    return value


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud in a folder of its own; nothing of it is left after the tests."""
    directory: Path = tmp_path_factory.mktemp("local-cloud")
    with LocalCloud.up(directory, options=OPTIONS) as cloud:
        yield cloud
    assert not (directory / "state.json").exists()
    assert not (directory / "cloud").exists()


@pytest.fixture
def deployed(local_cloud: LocalCloud) -> Deployed:
    """The deployed product."""
    return Deployed(local_cloud, Cloud("local", state=local_cloud.state))


@dataclass(slots=True)
class Receiver:
    """The order process behind an existing bot's signals."""

    url: str
    received: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes every post."""
    inbox = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            inbox.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        inbox.url = f"http://127.0.0.1:{server.server_port}/orders"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield inbox
        server.shutdown()
        thread.join()
