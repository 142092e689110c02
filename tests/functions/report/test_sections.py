"""The registry of the report's sections: what is true of each of them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from functions.report.rendering import render as rendering
from functions.report.rendering import sections
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from functions.report.rendering.sections import SECTIONS
from tests.functions.report.documents import busy_document, calm_document, empty_document
from tests.functions.report.results import crowded_document, results_document

FOLDER = Path(sections.__file__).parent


def test_every_module_of_the_folder_is_in_the_registry_with_two_templates_beside_it() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {section.name for section in SECTIONS} == modules
    for suffix in (".html.j2", ".txt.j2"):
        assert {path.name.removesuffix(suffix) for path in FOLDER.glob(f"*{suffix}")} == modules


def test_every_section_has_something_to_say_in_one_of_the_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = set()

    def watched(name: str, section: Section[SectionLimits]) -> Section[SectionLimits]:
        def build(context: ReportContext, limits: SectionLimits) -> object | None:
            view = section.build(context, limits)
            if view is not None:
                shown.add(name)
            return view

        return Section(section.name, build, section.limits, section.charts)

    monkeypatch.setattr(rendering, "SECTIONS", [watched(section.name, section) for section in SECTIONS])
    remembered = rendering.render(busy_document(), stage="prod", remembers=True).memory
    period = calm_document().period
    later = period.model_copy(update={"start": period.end, "end": period.end + (period.end - period.start)})
    cleared = calm_document().model_copy(update={"period": later})
    rendering.render(cleared, stage="prod", remembers=True, remembered=remembered)
    for document in (results_document(), empty_document()):
        rendering.render(document, stage="prod")
    assert shown == {section.name for section in SECTIONS}


def test_a_section_that_is_added_is_in_both_parts_of_the_mail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "turnover.html.j2").write_text("<p>{{ section }}</p>\n", encoding="utf-8")
    (tmp_path / "turnover.txt.j2").write_text("TURNOVER\n{{ section }}\n", encoding="utf-8")
    added = Section(
        "turnover", lambda context, _limits: f"{context.document.orders_total} <b>", SectionLimits()
    )
    monkeypatch.setattr(rendering, "SECTIONS", (added, *SECTIONS))
    loaders = [rendering._environment(html=html).loader for html in (True, False)]
    for loader in loaders:
        monkeypatch.setattr(loader, "searchpath", [*loader.searchpath, str(tmp_path)])  # type: ignore[union-attr]
    report = rendering.render(busy_document(), stage="prod")
    assert "<p>142 &lt;b&gt;</p>" in report.html
    assert "TURNOVER\n142 <b>\n" in report.text


def test_limits_are_divided_and_never_below_one() -> None:
    for section in SECTIONS:
        divided = section.limits.divided(16)
        assert [getattr(divided, field.name) for field in fields(divided)] == [1] * len(fields(divided))
        assert section.limits.divided(1) == section.limits


def test_a_mail_that_is_too_long_is_rendered_with_smaller_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_HTML_BYTES", 10**9)
    whole = rendering.render(crowded_document(), stage="prod")
    monkeypatch.undo()
    assert len(whole.html.encode()) > rendering.MAX_HTML_BYTES
    assert len(rendering.render(crowded_document(), stage="prod").html.encode()) <= rendering.MAX_HTML_BYTES
