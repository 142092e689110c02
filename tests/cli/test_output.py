"""Tables stay readable in a terminal of 80 columns."""

from __future__ import annotations

import pytest

from cli.output import print_table


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_a_name_stays_in_one_piece_while_sentences_beside_it_are_wrapped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, words = "roc_momo_deviation_bars", "a sentence of many small words that has to give way"
    print_table(("parameter", "here", "there"), [(name, words, words)])
    lines = printed(capsys)
    assert any(name in line for line in lines)
    assert sum(line.count("sentence") for line in lines) == 2


def test_what_is_too_long_for_its_column_goes_on_below_and_is_not_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = "https://bot.example/" + "0123456789" * 9
    print_table(("bot", "forwards to"), [("matrix", url)])
    cells = [line.split("│")[2].strip() for line in printed(capsys) if line.startswith("│")]
    assert "".join(cells) == url


def test_a_table_with_more_columns_than_the_screen_has_room_for_is_shown_row_by_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = [f"column_{number}" for number in range(20)]
    rows = [[f"value-{row}-{number}" for number in range(20)] for row in range(2)]
    print_table(columns, rows)
    lines = printed(capsys)
    for row in range(2):
        for number in range(20):
            (line,) = [line for line in lines if f"value-{row}-{number} " in line]
            assert f"column_{number} " in line


def test_a_table_that_fits_is_as_wide_as_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("queue", "before"), [("dead letters", 0), ("fills", None)])
    assert [line.split() for line in printed(capsys) if line.startswith("│")] == [
        ["│", "dead", "letters", "│", "0", "│"],
        ["│", "fills", "│", "–", "│"],
    ]
