"""A stage whose ``read_ledger`` is the real one, on a test's database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from cli.cloud import Cloud
from functions.read_ledger.handler import read_ledger
from functions.report.rendering.render import render
from linkage.contracts.report import ReportDocument


class LedgerCloud(Cloud):
    """Answers through JSON, as deployed functions do, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__("test")
        self.asked: list[Mapping[str, Any]] = []

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        """Read the ledger; a report is rendered from what the ledger says, and never mailed."""
        self.asked.append(payload)
        if output_name == "SendReportFunction":
            return self._rendered(payload)
        return json.loads(json.dumps(_read(json.loads(json.dumps(payload)))))

    def _rendered(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        asked = {
            "op": "report",
            **{name: payload[name] for name in ("start", "end", "by") if name in payload},
        }
        document = ReportDocument.model_validate(_read(asked)["result"])
        report = render(document, stage="prod")
        return {
            "sent": [], "already_sent": 0, "subject": report.subject, "level": report.level,
            "html": report.html, "text": report.text, "csv": dict(report.csv),
        }  # fmt: skip


def _read(event: Mapping[str, Any]) -> dict[str, Any]:
    # What a function prints goes to its log, not to the command's output.
    with redirect_stdout(StringIO()):
        return read_ledger(event, None)
