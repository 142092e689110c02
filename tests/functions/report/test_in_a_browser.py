"""The mail as Chromium shows it: on a phone, in a reading pane and on a large screen, light and dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

from functions.report.rendering.images import beside
from functions.report.rendering.render import render
from linkage.contracts.report import ReportDocument
from tests.functions.report.documents import busy_document, empty_document, hostile_document
from tests.functions.report.results import (
    crowded_document,
    hostile_results_document,
    results_document,
)
from tests.functions.report.test_results_mail import calm_results
from tests.support.browser import Browser, find_browser

WIDTHS = (320, 600, 1200)
LOOKS = [(width, dark) for width in WIDTHS for dark in (False, True)]

DOCUMENTS: Mapping[str, Callable[[], ReportDocument]] = {
    "a good day": calm_results,
    "orders that are lost": busy_document,
    "everything at once, with verdicts": results_document,
    "nothing": empty_document,
    "hostile names": hostile_document,
    "hostile names in results": hostile_results_document,
    "more than the limits": crowded_document,
}

# What a person would see at once: text outside of the screen, on other text, too small or too pale to read.
OFFENCES = """
(() => {
  const offences = [];
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) offences.push(`${root.scrollWidth} px in ${innerWidth}`);
  const luminance = colour => colour.slice(0, 3)
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const paper = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim(), element = node.parentElement;
    if (!text || element.closest('.preview, style')) continue;
    const style = getComputedStyle(element);
    if (style.clipPath !== 'none' || element.closest('thead')?.getBoundingClientRect().width === 1) continue;
    const shades = [luminance(parts(style.color)), luminance(paper(element))].sort((a, b) => a - b);
    const contrast = (shades[1] + 0.05) / (shades[0] + 0.05);
    if (contrast < 4.5) offences.push(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
    if (parseFloat(style.fontSize) < 11) offences.push(`${style.fontSize}: ${text.slice(0, 40)}`);
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || !range.toString().trim()) continue;
      if (box.left < 0 || box.right > innerWidth + 0.5) offences.push(`outside: ${text.slice(0, 40)}`);
      lines.push({box, text, node});
    }
  }
  for (const image of document.images) {
    const box = image.getBoundingClientRect();
    if (!image.naturalWidth || box.right > innerWidth) offences.push(`picture ${image.alt}`);
    lines.push({box, text: image.alt, node: image});
  }
  for (let one = 0; one < lines.length; one++) {
    for (let other = one + 1; other < lines.length; other++) {
      const a = lines[one], b = lines[other];
      if (a.node === b.node) continue;
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (across > 1 && down > 3) offences.push(`${a.text.slice(0, 40)} on ${b.text.slice(0, 40)}`);
    }
  }
  return offences.slice(0, 10);
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = find_browser()
    assert executable is not None
    with Browser(executable, tmp_path_factory.mktemp("profile")) as running:
        yield running


def page_of(document: ReportDocument, folder: Path) -> Path:
    report = render(document, stage="prod")
    html, pictures = beside(report.html, report.images)
    for name, png in pictures.items():
        (folder / name).write_bytes(png)
    page = folder / "report.html"
    page.write_text(html, encoding="utf-8")
    return page


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_overlaps_nothing_is_cut_off_and_everything_can_be_read(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    page = page_of(DOCUMENTS[name](), tmp_path)
    seen: dict[tuple[int, bool], list[str]] = {}
    for width, dark in LOOKS:
        browser.open(page, width=width, dark=dark)
        seen[width, dark] = browser.evaluate(OFFENCES)
    assert seen == {look: [] for look in LOOKS}


def test_a_script_in_a_name_does_not_run(browser: Browser, tmp_path: Path) -> None:
    for document in (hostile_document(), hostile_results_document()):
        page = page_of(document, tmp_path)
        marked = page.read_text(encoding="utf-8").replace("<body>", "<body><script>window.ours = 1</script>")
        page.write_text(marked.replace("alert(1)", "window.theirs=1"), encoding="utf-8")
        browser.open(page, width=600, dark=False)
        assert browser.evaluate("[window.ours, window.theirs]") == [1, None]


def pixels(png: bytes) -> Any:
    """Return a picture as an array of rows, columns and colours between 0 and 1."""
    return matplotlib.image.imread(io.BytesIO(png))[..., :3]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pictures_of_the_mail_have_their_size_and_are_not_empty(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    page = page_of(results_document(), tmp_path)
    brightness = {}
    for dark in (False, True):
        browser.open(page, width=width, dark=dark)
        picture = pixels(browser.picture())
        assert picture.shape == (browser.evaluate("document.documentElement.scrollHeight"), width, 3)
        rows_with_ink = picture.std(axis=(1, 2)) > 0.01
        assert rows_with_ink.mean() > 0.25
        brightness[dark] = picture.mean()
    assert brightness[False] > 0.85
    assert brightness[True] < 0.2


def test_the_chart_is_dark_in_a_dark_mail(browser: Browser, tmp_path: Path) -> None:
    page = page_of(calm_results(), tmp_path)
    means = []
    for dark in (False, True):
        browser.open(page, width=600, dark=dark)
        box = browser.evaluate("(({x, y, width, height}) => [x, y, width, height])"
                               "(document.images[0].getBoundingClientRect())")  # fmt: skip
        left, top, width, height = map(round, box)
        means.append(pixels(browser.picture())[top : top + height, left : left + width].mean())
    assert means[0] > 0.85
    assert means[1] < 0.25


def test_tables_fold_on_a_phone_and_stand_in_columns_on_a_screen(browser: Browser, tmp_path: Path) -> None:
    page = page_of(results_document(), tmp_path)
    columns = (
        "new Set([...document.querySelector('.stack tbody tr').children]"
        ".map(cell => Math.round(cell.getBoundingClientRect().left))).size"
    )
    found = {}
    for width in WIDTHS:
        browser.open(page, width=width, dark=False)
        found[width] = browser.evaluate(columns)
    assert found[320] == 1
    assert min(found[600], found[1200]) > 1
