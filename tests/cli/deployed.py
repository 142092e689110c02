"""A stage whose functions are the real ones, around a scenario's world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.cloud import Cloud, Options
from cli.main import app
from functions.read_ledger.handler import read_ledger
from functions.recorder import handler as recorder
from linkage.runtime import aws
from linkage.runtime.dependencies import reset
from tests.scenarios.world import World


@dataclass
class WorldCloud(Cloud):
    """Answers commands with the world's functions, and remembers what those were asked."""

    world: World
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    dead_letters: str = ""

    def __post_init__(self) -> None:
        super().__init__("test")
        self.dead_letters = aws.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]

    def output(self, name: str) -> str:
        """Name the world's queues."""
        return {"FillsQueueUrl": self.world.queue_url, "FillsDlqUrl": self.dead_letters}[name]

    def client(self, service: str, *, read_timeout: float = 60, max_attempts: int = 3) -> Any:
        """Reach moto."""
        return aws.client(service)

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        """Invoke the function with the payload as JSON carries it."""
        event = json.loads(json.dumps(payload))
        self.asked.append((output_name, event))
        # What a function prints goes to its log, not to the command's output.
        with redirect_stdout(StringIO()):
            reply = recorder.sweep(event, None) if output_name == "SweepFunction" else self._read(event)
        return json.loads(json.dumps(reply))

    def _read(self, event: Mapping[str, Any]) -> Any:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.world.database.settings("reader").items():
                environment.setenv(f"LINKAGE_{name.upper()}", str(value))
            try:
                return read_ledger(event, None)
            finally:
                reset()


def run(cloud: Cloud, *arguments: str, text: str | bytes | None = None) -> Result:
    """Type a command."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        app, list(arguments), obj=Options(cloud=cloud), input=text
    )
