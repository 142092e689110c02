from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from functions.report.rendering import formatting
from functions.report.rendering.naming import Described, name_snapshots
from functions.report.rendering.render import RenderedReport, render
from linkage.contracts.report import BotCount, ModeRates, ModeReport, Rate, ReportDocument
from tests.functions.report.documents import (
    CALM,
    FOREIGN,
    HOSTILE,
    START,
    TREND,
    busy_document,
    calm_document,
    empty_document,
    hostile_document,
    order,
)
from tests.functions.report.results import results_document

MAX_HTML_BYTES = 90_000


class _Outline(HTMLParser):
    """Elements that were opened, whether every one was closed, and the text between them."""

    VOID = frozenset(["meta", "br", "img", "hr", "link", "input"])

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.open: list[str] = []
        self.seen = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.seen += data


def text_of(report: RenderedReport) -> str:
    return " ".join(_Outline(report.html).seen.split())


def test_the_subject_of_a_good_period_answers_on_a_lock_screen() -> None:
    report = render(calm_document(), stage="prod")
    assert report.subject == "OK · live 23/23 linked · paper 23/23 linked · 2 pending"


def test_the_subject_of_a_bad_period_says_what_since_when_and_whose() -> None:
    report = render(busy_document(), stage="prod")
    assert report.subject == "ACT: 3 lost, 1 in conflict since 14:05, bot grid1 and 1 other"


def test_a_stage_that_is_not_prod_says_so_at_the_end_of_the_subject() -> None:
    assert render(calm_document(), stage="dev").subject.endswith(" · dev")


def test_a_subject_of_the_callers_replaces_ours_and_stays_on_one_line() -> None:
    report = render(calm_document(), stage="prod", subject="Weekly\r\nBcc: someone@example.com")
    assert report.subject == "Weekly Bcc: someone@example.com"
    assert "<title>Weekly Bcc: someone@example.com</title>" in report.html


def test_what_to_do_comes_first_and_begins_with_a_command() -> None:
    text = render(busy_document(), stage="prod").text
    assert text.index("WHAT TO DO FIRST") < text.index("LINKAGE")
    assert f"$ linkage --stage prod trace {order(325).order_id}" in text
    assert "the order carried no client_order_id" in text


@pytest.mark.parametrize("form", ["html", "text"])
def test_what_is_wrong_comes_before_results_and_what_needs_nothing_after_them(form: str) -> None:
    report = render(results_document(), stage="prod")
    content = (text_of(report) if form == "html" else report.text).lower()
    places = [
        content.index(heading) for heading in ("signals that became", "last orders without", "results in usd")
    ]
    assert places == sorted(places)
    mode = results_document().modes[0]
    harmless = [order(index, "external", bot_id=None) for index in range(9)]
    calm = calm_document().modes[0].model_copy(
        update={"money": mode.money, "rates": calm_document().modes[0].rates.model_copy(
            update={"executed": Rate(part=23, whole=40)})}
    )  # fmt: skip
    report = render(calm_document().model_copy(update={"modes": [calm], "unlinked": harmless}), stage="prod")
    content = (text_of(report) if form == "html" else report.text).lower()
    assert content.index("results in usd") < content.index("last orders without")
    assert content.count("made by hand") == 3
    assert "and 14 more orders in orders.csv" in content


@pytest.mark.parametrize("form", ["html", "text"])
def test_both_parts_have_the_same_content(form: str) -> None:
    report = render(busy_document(), stage="prod")
    story = text_of(report) if form == "html" else " ".join(report.text.split())
    for fact in (
        "96.9 %", "127 of 131", "89.4 %", "127 of 142", "85.4 %", "129 of 151", "1 pending", "48 suppressed",
        "roc_momo", "buy 4.5 · sell –", "buy 0 · sell 3.75", "Trend, wide stops", "rsi.oversold 25",
        "81,234.50 USD", "0.00012 BTC", "did the key survive?", "grid1", "rebalancer", "unsignalled",
        "2 orders of earlier periods", "3 test orders",
    ):  # fmt: skip
        assert fact in story


def test_a_null_score_is_a_dash_and_a_zero_is_a_zero() -> None:
    text = render(busy_document(), stage="prod").text
    assert "take_profit, buy – · sell –" in text
    assert "roc_momo, buy 0 · sell 3.75" in text


def test_an_empty_period_is_a_short_mail_without_any_figure() -> None:
    report = render(empty_document(), stage="prod")
    assert report.subject == "QUIET · no orders 12:00 to 18:00"
    assert "No orders were executed." in report.text
    assert "%" not in report.text
    assert "Last order 21 Nov 12:00" in " ".join(report.text.split())
    assert "Last signal never" in " ".join(report.text.split())
    assert len(report.text) < 500


def test_an_empty_period_in_a_known_mode_shows_no_table_of_zeros() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(mode="live", expected=none, executed=none, signals=none)
    document = empty_document().model_copy(update={"modes": [ModeReport(rates=rates)]})
    assert "Expected orders linked" not in render(document, stage="prod").text


def test_modes_stand_side_by_side_and_are_not_summed() -> None:
    story = text_of(render(calm_document(), stage="prod"))
    assert "Linkage · live" in story
    assert "Linkage · paper" in story
    assert story.count("23 of 23") == 4
    assert "46" not in story
    assert "All expected orders are linked, live and paper." in story


def test_a_mode_with_results_and_no_orders_is_in_no_headline() -> None:
    document = results_document()
    nothing = ModeRates(
        mode="unknown",
        expected=Rate(part=0, whole=0),
        executed=Rate(part=0, whole=0),
        signals=Rate(part=0, whole=0),
    )
    idle = ModeReport(rates=nothing, money=document.modes[0].money)
    report = render(document.model_copy(update={"modes": [*document.modes, idle]}), stage="prod")
    assert "unknown" not in report.subject.lower()
    assert "no orders" not in report.subject.lower()
    assert "Linkage · unknown" not in report.html
    assert "RESULTS IN USD (other orders on the account)" in report.text


def test_the_subject_names_the_mode_of_defects_where_there_are_two() -> None:
    live, paper = busy_document(), busy_document("paper")
    document = live.model_copy(update={"modes": [*live.modes, *paper.modes]})
    report = render(document, stage="prod")
    assert report.subject.startswith(
        "ACT: live 3 lost, 1 in conflict, paper 3 lost, 1 in conflict since 14:05"
    )
    assert "4 live orders are and 4 paper orders are not linked, and should be." in report.text


def test_since_names_the_day_when_the_period_is_longer_than_one() -> None:
    document = busy_document()
    period = document.period.model_copy(update={"start": START - timedelta(days=6)})
    report = render(document.model_copy(update={"period": period}), stage="prod")
    assert "since 22 Nov 14:05" in report.subject


@pytest.mark.parametrize("document", [busy_document(), calm_document(), empty_document(), hostile_document()])
def test_the_html_is_well_formed_small_and_loads_nothing(document: ReportDocument) -> None:
    html = render(document, stage="dev").html
    outline = _Outline(html)
    assert outline.open == []
    assert len(html.encode()) < MAX_HTML_BYTES
    assert not {"script", "img", "link", "iframe", "form", "input", "object"} & set(outline.tags)
    assert not {"src", "href", "onerror", "onmouseover", "onclick"} & set(outline.attributes)


def test_every_table_has_a_caption_and_headers_with_a_scope() -> None:
    html = render(busy_document(), stage="prod").html
    tables = re.findall(r"<table (?!role=\"presentation\").*?</table>|<table>.*?</table>", html, re.DOTALL)
    assert len(tables) == 5
    for table in tables:
        assert "<caption>" in table
        assert len(re.findall(r"<th\b", table)) == len(re.findall(r"<th [^>]*scope=", table))


def test_it_has_a_dark_and_a_narrow_form() -> None:
    html = render(busy_document(), stage="prod").html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme:dark)" in html
    assert "@media (max-width:520px)" in html


def test_no_block_of_style_is_larger_than_mail_readers_accept() -> None:
    html = render(busy_document(), stage="prod").html
    assert all(len(block) < 8192 for block in re.findall(r"<style>(.*?)</style>", html, re.DOTALL))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    report = render(hostile_document(), stage="prod")
    assert not set(name) & set("<>&\"'") or name not in report.html
    assert "49" not in text_of(report)
    assert "\u202e" not in report.html + report.text
    assert "\r" not in report.text
    assert "\n" not in report.subject


def test_a_command_quotes_what_a_shell_would_read() -> None:
    document = busy_document()
    mode = document.modes[0]
    bad = mode.dispositions[2].model_copy(update={"example": "$(reboot); it's"})
    changed = mode.model_copy(update={"dispositions": [bad]})
    text = render(document.model_copy(update={"modes": [changed]}), stage="prod").text
    assert "trace '$(reboot); it'\\''s'" in text


def test_no_csv_cell_is_a_formula_and_numbers_stay_numbers() -> None:
    report = render(hostile_document(), stage="prod")
    for text in report.csv.values():
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                assert not cell.startswith(("=", "+", "@"))
    orders = list(csv.DictReader(io.StringIO(render(busy_document(), stage="prod").csv["orders.csv"])))
    assert orders[0]["average_price"] == "61234.5"
    assert orders[0]["order_time"] == "2026-11-22T17:51:00Z"
    assert orders[0]["sell_score"] == "1.5"
    assert orders[1]["buy_score"] == ""


def test_the_csv_files_hold_rates_orders_and_parameter_sets() -> None:
    files = render(busy_document(), stage="prod").csv
    assert set(files) == {"rates.csv", "orders.csv", "parameter_sets.csv", "results.csv"}
    rates = [tuple(row.values()) for row in csv.DictReader(io.StringIO(files["rates.csv"]))]
    assert ("live", "expected", "127", "131", "96.9") in rates
    sets = list(csv.DictReader(io.StringIO(files["parameter_sets.csv"])))
    assert len(sets) == 4  # one of the three traded in two currencies
    assert '"rsi"' in sets[0]["parameters"]


def test_times_are_in_the_readers_zone_and_say_which() -> None:
    report = render(busy_document(), stage="prod", zone=ZoneInfo("America/New_York"))
    assert "22 Nov 07:00 to 13:00 EST" in report.text
    assert "since 09:05" in report.subject


def test_other_orders_on_the_account_are_no_reason_to_say_ok() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(mode="unknown", expected=none, executed=Rate(part=0, whole=7), signals=none)
    mode = ModeReport(rates=rates, bots=[BotCount(bot_id=None, orders=7, other=7)])
    report = render(empty_document().model_copy(update={"modes": [mode]}), stage="prod")
    assert report.subject == "LOOK: other orders on the account · 7 orders, none expected"
    assert "$ linkage --stage prod bot list" in report.text


def test_signals_whose_orders_bring_no_key_are_urgent() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(
        mode="live", expected=none, executed=Rate(part=0, whole=7), signals=Rate(part=0, whole=9)
    )
    report = render(empty_document().model_copy(update={"modes": [ModeReport(rates=rates)]}), stage="prod")
    assert report.subject == "ACT: 7 orders, none expected"


def test_linking_that_is_off_is_said_first() -> None:
    report = render(calm_document().model_copy(update={"linking_enabled": False}), stage="prod")
    assert (
        report.subject == "LOOK: linking is switched off · live 23/23 linked · paper 23/23 linked · 2 pending"
    )
    assert "$ linkage --stage prod switch on" in report.text


def test_sets_are_named_by_label_then_difference_then_id() -> None:
    names = name_snapshots(
        [
            Described(TREND, "Trend", "momentum", {"strategy": "momentum", "rsi": {"low": "30"}, "x": "1"}),
            Described(CALM, None, "momentum", {"strategy": "momentum", "rsi": {"low": "25"}, "x": "1"}),
            Described(FOREIGN),
        ]
    )
    assert (names[TREND].name, names[TREND].detail) == ("Trend", "momentum · rsi.low 30")
    assert (names[CALM].name, names[CALM].detail) == ("momentum", "rsi.low 25")
    assert (names[FOREIGN].name, names[FOREIGN].detail) == ("set b042c0bb", "not described yet")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12345.678", "12,345.68"), ("1", "1.00"), ("0.25", "0.25"), ("0.000123456", "0.0001235"), ("0", "0"),
        ("-3.5", "-3.50"), ("0.8", "0.80"), ("-0.1", "-0.10"), ("0.99999", "1.00"), ("1E-15", "0.00"),
    ],
)  # fmt: skip
def test_money_is_grouped_and_small_amounts_keep_their_digits(value: str, text: str) -> None:
    assert formatting.money(Decimal(value)) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (1, "1 hour"),
        (6, "6 hours"),
        (24, "24 hours"),
        (168, "7 days"),
        (1.5, "90 minutes"),
        (8.25, "8 h 15 min"),
    ],
)
def test_a_period_says_its_length(hours: float, text: str) -> None:
    assert formatting.length(START, START + timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [(2, 3, "66.7"), (1, 1, "100.0"), (9999, 10000, "99.9"), (0, 5, "0.0"), (0, 0, None)],
)
def test_a_rate_says_100_only_when_it_is_all_of_them(part: int, whole: int, percent: str | None) -> None:
    assert Rate(part=part, whole=whole).percent == percent
