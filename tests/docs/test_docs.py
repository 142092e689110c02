"""What the documentation says can be typed, can be typed; what it points at is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from infra.cdk.constructs import alarms, saved_queries

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
MAKEFILE = (ROOT / "Makefile").read_text()


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def shell_lines(page: Path) -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            bare = line.partition("  #")[0].strip()
            if bare and not bare.startswith("#"):
                yield bare


def commands(page: Path, program: str) -> list[list[str]]:
    """Return the documented uses of a program, in blocks and between back-ticks."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    inline = [match.replace("\n", " ") for match in re.findall(rf"`({program} [^`]+)`", text)]
    found = [shlex.split(line) for line in [*shell_lines(page), *inline]]
    return [words for words in found if Path(words[0]).name == program and "…" not in " ".join(words)]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_make_target_that_is_documented_exists(page: Path) -> None:
    for words in commands(page, "make"):
        targets = [word for word in words[1:] if "=" not in word]
        assert targets, words
        for target in targets:
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"{page.name}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_linkage_command_that_is_documented_is_understood(page: Path) -> None:
    for words in commands(page, "linkage"):
        # The parser refuses unknown commands and options before it shows the help.
        done = CliRunner().invoke(app, [*words[1:], "--help"])
        assert done.exit_code == 0, f"{' '.join(words)}: {done.output}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_to_a_file_or_heading_of_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page.name}: {target}"
        if heading:
            assert heading in headings(path), f"{page.name}: {target}"


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_alarm_has_a_heading_in_operations() -> None:
    names = set(re.findall(r'self\._alarm\(\s*"([a-z-]+)"', Path(alarms.__file__).read_text()))
    assert len(names) == 16
    assert names <= headings(ROOT / "docs/operations.md")


def test_every_saved_query_that_operations_names_exists() -> None:
    existing = set(re.findall(r'^\s+"([a-z-]+)",$', Path(saved_queries.__file__).read_text(), re.MULTILINE))
    text = (ROOT / "docs/operations.md").read_text()
    named = set(re.findall(r"saved quer(?:y|ies)\s+`([a-z-]+)`", text))
    assert named
    assert named <= existing


def test_the_readme_fits_on_three_pages() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
