"""A stage whose ``read_ledger`` is the real one, on a test's database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cli.cloud import Cloud
from functions.report import read
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
        return json.loads(json.dumps(read.read_ledger(json.loads(json.dumps(payload)), None)))

    def _rendered(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        asked = {"op": "report", "start": payload["start"], "end": payload["end"]}
        document = ReportDocument.model_validate(read.read_ledger(asked, None)["result"])
        report = render(document, stage="prod")
        return {
            "sent": [], "already_sent": 0, "subject": report.subject, "level": report.level,
            "html": report.html, "text": report.text, "csv": dict(report.csv),
        }  # fmt: skip
