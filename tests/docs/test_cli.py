"""docs/cli.md is what the commands say of themselves."""

from __future__ import annotations

from cli.reference import PAGE, reference


def test_the_page_is_the_one_that_the_commands_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make docs"


def test_every_command_stands_on_the_page_with_its_options() -> None:
    page = reference()
    assert "## linkage rate\n" in page
    assert "### linkage bot add\n" in page
    assert "--source bottrader|tradingview|freqtrade|ccxt|generic" in page


def test_the_page_names_no_folder_of_the_machine_that_made_it() -> None:
    assert str(PAGE.parents[1]) not in reference()
