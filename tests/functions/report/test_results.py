from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from linkage.contracts.report import ReportDocument
from tests.functions.report.documents import empty_document
from tests.functions.report.results import hostile_results_document, results_document


@pytest.mark.parametrize("document", [results_document, hostile_results_document, empty_document])
def test_a_document_is_the_same_after_its_way_as_json(document: Callable[[], ReportDocument]) -> None:
    told = document()
    text = json.dumps(told.model_dump(mode="json"))
    assert ReportDocument.model_validate(json.loads(text)) == told


def test_a_document_of_an_older_reader_has_no_results_and_is_read_all_the_same() -> None:
    old = results_document().model_dump(mode="json", exclude={"health", "changes", "trials", "late_orders"})
    for mode in old["modes"]:
        for name in ("money", "tables", "executions", "funnel", "comparisons"):
            del mode[name]
    assert ReportDocument.model_validate(old).modes[0].money == []


def test_amounts_travel_as_text() -> None:
    document = results_document().model_dump(mode="json")
    assert document["modes"][0]["money"][0]["total"]["net_pnl"] == "41.2"
