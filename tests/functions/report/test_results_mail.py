"""What the mail says of results: money, tables, what changed, and missing activity."""

from __future__ import annotations

import csv
import io
import re
import struct
import zlib
from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from functions.report.rendering import formatting
from functions.report.rendering.charts import HEIGHT, WIDTH, pnl_chart
from functions.report.rendering.render import RenderedReport, render
from linkage.contracts.performance import CurvePoint, Health
from linkage.contracts.report import Liveness, ModeRates, ModeReport, Rate, ReportDocument
from tests.functions.report.documents import (
    END,
    HOSTILE,
    START,
    busy_document,
    calm_document,
    empty_document,
    hostile_document,
)
from tests.functions.report.results import (
    comparison,
    crowded_document,
    hostile_results_document,
    money,
    performance,
    results_document,
)
from tests.functions.report.test_rendering import MAX_HTML_BYTES, _Outline, text_of


def calm_results() -> ReportDocument:
    """Return a good day: 23 of 23 orders linked, 41.20 USD earned, two lots open."""
    document = calm_document()
    live = document.modes[0].model_copy(update={"money": [money()]})
    return document.model_copy(update={"modes": [live]})


@pytest.fixture(scope="module")
def rich() -> RenderedReport:
    return render(results_document(), stage="prod")


def story(report: RenderedReport, form: str) -> str:
    return text_of(report) if form == "html" else " ".join(report.text.split())


def test_the_subject_names_the_result_and_what_is_open() -> None:
    assert (
        render(calm_results(), stage="prod").subject == "OK · 23/23 linked · +41.20 USD · 2 open · 2 pending"
    )


def test_the_subject_of_a_quiet_period_still_counts_what_is_open() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(mode="live", expected=none, executed=none, signals=none)
    mode = ModeReport(rates=rates, money=[money(total=money().total.model_copy(update={"n": 0}))])
    report = render(empty_document().model_copy(update={"modes": [mode]}), stage="prod")
    assert report.subject == "QUIET · no orders 12:00 to 18:00 · 2 open"
    assert "Open, marked to market" in report.text


def test_results_of_two_modes_and_of_two_currencies_are_never_added_up() -> None:
    live, paper = results_document(), results_document("paper")
    euro = money(currency="EUR", total=money().total.model_copy(update={"currency": "EUR"}))
    first = live.modes[0].model_copy(update={"money": [money(), euro]})
    report = render(live.model_copy(update={"modes": [first, *paper.modes]}), stage="prod")
    for heading in ("RESULTS IN USD (live)", "RESULTS IN EUR (live)", "RESULTS IN USD (paper)"):
        assert heading in report.text
    assert "82.40" not in report.text


@pytest.mark.parametrize("form", ["html", "text"])
def test_both_parts_have_the_results(rich: RenderedReport, form: str) -> None:
    content = story(rich, form)
    for fact in (
        "+41.20 USD", "64 episodes: 37 won, 27 lost", "−3.15 USD", "the oldest ETH-USD since 21 Nov 16:00",
        "26 h", "no price known", "sell DOGE-USD for 118.40 USD on 22 Nov 17:30",
        "2 lots with a fee for which no rate",
        "−4.60 USD", "22 Nov 11:30 buy BTC-USD: linked", "58 % won (44 to 71 %)", "profit factor 2.86",
        "n 180, n_eff 135, 3 mixed", "indicative", "2 more with insufficient data: 6 episodes, −3.00 USD",
        "rsi.oversold 30 → 25; score_buy 2.5 → 3.5", "cooldown 31, max_orders 17",
        "20 of them with a later price, at which each would have made −0.21 %",
        "slippage median 0.04 %, worst 0.51 %", "The market +2.1 %", "Cannot say yet (needs about 190 more)",
        "+0.31 % (−1.40 % to +2.02 %)", "Expected to persist: +0.04 %",
        "23 parameter sets known to this ledger",
        "+41.20 USD closed · −3.15 USD open (2 lots)", "Net P&L +41.20 USD",
    ):  # fmt: skip
        assert fact in content


def test_a_row_with_insufficient_data_is_only_in_the_folded_line(rich: RenderedReport) -> None:
    assert "few 0" not in rich.text
    rows = list(csv.DictReader(io.StringIO(rich.csv["results.csv"])))
    assert {"few 0", "roc_momo"} <= {row["group"] for row in rows}
    assert rows[0]["net_pnl"] == "41.2"


def test_a_set_is_called_by_its_label_or_its_difference_and_not_by_its_id(rich: RenderedReport) -> None:
    assert "Trend, wide stops: +34.90 USD" in rich.text
    assert "11111111" not in rich.text
    assert "22222222" not in rich.text


def test_without_verdicts_in_the_document_the_mail_has_none() -> None:
    document = results_document()
    mode = document.modes[0].model_copy(update={"comparisons": []})
    report = render(document.model_copy(update={"modes": [mode], "trials": None}), stage="prod")
    assert "COMPARISON" not in report.text


def test_what_should_persist_of_a_difference_is_estimated_only_from_sufficient_data() -> None:
    document = results_document()
    few = comparison(one=comparison().one.model_copy(update={"record": performance(n=15)}))
    mode = document.modes[0].model_copy(update={"comparisons": [few]})
    text = render(document.model_copy(update={"modes": [mode]}), stage="prod").text
    assert "Difference per trade: +0.31 %" in text
    assert "Expected to persist" not in text


def test_only_better_and_worse_are_printed_as_decided() -> None:
    document = results_document()
    better = comparison(verdict="better", verdict_text="better")
    mode = document.modes[0].model_copy(update={"comparisons": [better, comparison()]})
    html = render(document.model_copy(update={"modes": [mode]}), stage="prod").html
    assert re.findall(r'<p class="decided">(.*?)</p>', html) == ["Better"]


def test_results_that_lag_say_until_when_they_are_right() -> None:
    lagging = Health(lots_as_of=END - timedelta(hours=1), lots_behind=True)
    report = render(calm_results().model_copy(update={"health": lagging}), stage="prod")
    assert "Results are as of 22 Nov 17:00" in report.text


def test_a_strategy_that_stopped_running_is_a_reason_to_look() -> None:
    stopped = Liveness(last_run_at=START - timedelta(hours=3))
    report = render(empty_document().model_copy(update={"liveness": stopped}), stage="prod")
    assert report.level == "look"
    assert "No strategy has run since 22 Nov 09:00." in report.text
    long_gone = Liveness(last_run_at=START - timedelta(days=30))
    assert render(empty_document().model_copy(update={"liveness": long_gone}), stage="prod").level == "quiet"


def test_missing_activity_says_why_it_asks_for_a_look_and_has_no_row_of_dashes() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(mode="paper", expected=none, executed=none, signals=none)
    inactive = empty_document().model_copy(
        update={
            "liveness": Liveness(last_run_at=START - timedelta(hours=3)),
            "linking_enabled": False,
            "modes": [
                ModeReport(rates=rates, money=[money(total=money().total.model_copy(update={"n": 0}))])
            ],
        }
    )
    report = render(inactive, stage="prod")
    assert report.subject == "LOOK: linking is switched off and 1 more · paper no orders · 2 open"
    for content in (report.text, text_of(report)):
        assert "Expected orders linked" not in content
        assert "Last strategy run" in content


def test_signals_without_any_fill_are_a_reason_to_look() -> None:
    none = Rate(part=0, whole=0)
    rates = ModeRates(mode="live", expected=none, executed=none, signals=Rate(part=0, whole=5))
    report = render(empty_document().model_copy(update={"modes": [ModeReport(rates=rates)]}), stage="prod")
    assert "5 signals sent, and no fill came." in report.text


@pytest.mark.parametrize(("seen", "stale", "level"), [(0, 14, "look"), (3, 11, "look"), (13, 1, "ok")])
def test_a_market_without_new_candles_is_a_reason_to_look(seen: int, stale: int, level: str) -> None:
    health = Health(runs=1, fills=1, last_run_seen=seen, last_run_skipped={"missing_last_bar": stale})
    assert render(calm_results().model_copy(update={"health": health}), stage="prod").level == level


def test_dead_letters_are_urgent_and_come_with_their_command() -> None:
    report = render(calm_results(), stage="prod", dead_letters=4)
    assert report.level == "act"
    assert report.subject.startswith("ACT: 4 dead letters")
    assert "$ linkage --stage prod redrive" in report.text


@pytest.mark.parametrize("name", ["A name of usual length", *HOSTILE, '"' * 255, "&" * 255])
def test_what_is_over_the_limits_is_counted_and_the_html_stays_small(name: str) -> None:
    report = render(crowded_document(name), stage="prod")
    assert len(report.html.encode()) < MAX_HTML_BYTES
    for more in ("more things", "more currencies", "more comparisons", "more sets in", "more bots in",
                 "more orders in orders.csv", "more changes in"):  # fmt: skip
        assert more in report.html
        assert more in report.text
    assert set(re.findall(r'src="cid:(.*?)"', report.html)) == set(report.images)


def test_an_ordinary_mail_shows_everything(rich: RenderedReport) -> None:
    assert "more things" not in rich.text
    assert "more bots" not in rich.text


def test_the_top_says_what_came_of_it_for_each_currency_and_mode() -> None:
    top = render(calm_results(), stage="prod").text[:200]
    assert "+41.20 USD closed · −3.15 USD open (2 lots)" in top
    both = results_document().modes + results_document("paper").modes
    text = render(results_document().model_copy(update={"modes": both}), stage="prod").text
    assert "paper: +41.20 USD closed · −3.15 USD open (2 lots)" in text


def test_late_arriving_fills_are_mentioned_once(rich: RenderedReport) -> None:
    assert rich.text.count("2 orders of earlier periods") == 1
    assert rich.html.count("2 orders of earlier periods") == 1


def test_parts_of_the_text_are_one_empty_line_apart(rich: RenderedReport) -> None:
    assert "\n\n\n" not in rich.text


def test_the_text_draws_the_curve_too(rich: RenderedReport) -> None:
    assert "▁▁▁▁▂▂▂▂▅▅▅▅▅▄▄▄▄▂▂▂▂▂▄▄▄▄█████▇   between 0 and +44.00, ends at +41.20" in rich.text


def test_two_sets_without_a_label_are_named_by_what_differs() -> None:
    document = results_document()
    mode = document.modes[0]
    sets = [each.model_copy(update={"label": None}) for each in mode.snapshots]
    compared = comparison()
    nameless = compared.model_copy(
        update={"reference": compared.reference.model_copy(update={"label": None})}
    )
    unnamed = mode.model_copy(update={"snapshots": sets, "comparisons": [nameless]})
    text = render(document.model_copy(update={"modes": [unnamed]}), stage="prod").text
    assert "rsi.oversold 25, score_buy 3.5 vs rsi.oversold 30, score_buy 2.5" in text


def test_a_figure_and_its_per_cent_sign_stay_on_one_line(rich: RenderedReport) -> None:
    assert not re.search(r"[0-9] %", rich.html)
    assert "\u00a0" not in rich.text


def test_a_price_has_the_digits_that_a_person_reads() -> None:
    assert formatting.price(Decimal("0.10379601000000001")) == "0.10379601"
    assert formatting.price(Decimal("61234.5")) == "61234.5"
    assert formatting.price(Decimal("0.00001234")) == "0.00001234"


def test_the_html_with_results_is_small_well_formed_and_loads_nothing_from_outside(
    rich: RenderedReport,
) -> None:
    for report in (rich, render(hostile_results_document(), stage="prod")):
        outline = _Outline(report.html)
        assert outline.open == []
        assert len(report.html.encode()) < MAX_HTML_BYTES
        assert set(re.findall(r'src="(.*?)"', report.html)) == {f"cid:{cid}" for cid in report.images}
        assert not {"script", "iframe", "form", "object"} & set(outline.tags)


def test_every_table_of_results_has_a_caption_and_scopes_and_every_picture_says_what_it_shows(
    rich: RenderedReport,
) -> None:
    tables = re.findall(r"<table.*?</table>", rich.html, re.DOTALL)
    for table in tables:
        if 'role="presentation"' not in table:
            assert "<caption" in table
            assert len(re.findall(r"<th\b", table)) == len(re.findall(r"<th [^>]*scope=", table))
    alts = re.findall(r'<img [^>]*alt="(.*?)"', rich.html)
    assert alts == ["Net P&amp;L in USD over the period: it ends at +41.20; the largest drawdown was 22.00."]


@pytest.fixture(scope="module")
def hostile() -> list[RenderedReport]:
    return [render(each, stage="prod") for each in (hostile_document(), hostile_results_document())]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_in_results_stay_text(hostile: list[RenderedReport], name: str) -> None:
    for report in hostile:
        assert not set(name) & set("<>&\"'") or name not in report.html
        assert "\u202e" not in report.html + report.text
        assert "\r" not in report.text
        assert "\n" not in report.subject
        assert len(report.subject) < 250


def _pixels(png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and the unpacked pixels of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        assert kind not in (b"tIME", b"tEXt")
        at += 12 + length
    return width, height, zlib.decompress(data)


def test_the_chart_has_its_size_and_is_not_empty(rich: RenderedReport) -> None:
    assert set(rich.images) == {"pnl-1"}
    width, height, pixels = _pixels(rich.images["pnl-1"])
    assert (width, height) == (WIDTH, HEIGHT)
    assert len(set(pixels)) > 50
    assert len(rich.images["pnl-1"]) < 150_000


def test_the_same_curve_gives_the_same_bytes_and_another_one_others() -> None:
    def drawn(last: str, currency: str = "USD") -> bytes:
        curve = [CurvePoint(at=START, net_pnl=Decimal(0)), CurvePoint(at=END, net_pnl=Decimal(last))]
        return pnl_chart(curve, until=END, currency=currency, zone=UTC)

    assert drawn("5") == drawn("5")
    assert drawn("5") != drawn("6")
    assert drawn("5", "$\\frac{$") != drawn("5")


def test_a_week_is_drawn_by_days_in_the_readers_zone() -> None:
    curve = [CurvePoint(at=START + timedelta(days=day), net_pnl=Decimal(day)) for day in range(7)]
    zones = (UTC, ZoneInfo("Asia/Tokyo"))
    pictures = {pnl_chart(curve, until=curve[-1].at, currency="🦄", zone=zone) for zone in zones}
    assert len(pictures) == 2


def test_a_period_without_a_closed_episode_has_no_picture() -> None:
    assert render(busy_document(), stage="prod").images == {}
