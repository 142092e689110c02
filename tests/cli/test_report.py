"""``linkage rate``, ``report``, ``verify``, ``trace`` and ``sql``: every flag does what it says."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars
import pytest
from typer.testing import CliRunner, Result

from cli.cloud import Cloud, Options
from cli.main import app
from functions.report.rendering.render import RenderedReport, render
from linkage.contracts.report import ReportDocument
from linkage.domain.canonical import parse_utc
from tests.functions.report.documents import busy_document, calm_document
from tests.functions.report.results import results_document

FROM = ["--from", "2026-11-22T12:00", "--until", "2026-11-22T18:00"]


@cache
def rendered(document: str, subject: str | None) -> RenderedReport:
    """Return a report in all its forms; the same few are asked for again and again."""
    return render(ReportDocument.model_validate_json(document), stage="prod", subject=subject)


class ReportCloud(Cloud):
    """A stage whose functions answer from one report, and remember what they were asked."""

    def __init__(self, document: ReportDocument | None = None) -> None:
        super().__init__("test")
        self.document = document or calm_document()
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        """Answer as the deployed functions do."""
        self.asked.append((output_name, payload))
        if output_name in self.answers:
            return self.answers[output_name]
        if output_name == "SendReportFunction":
            return self._send_report(payload)
        modes = [mode.rates.model_dump(mode="json") for mode in self.document.modes]
        period = self.document.period.model_dump(mode="json")
        rates = {"period": period, "read_at": period["end"], "modes": modes}
        result = rates if payload["op"] == "rates" else self.document.model_dump(mode="json")
        return {"ok": True, "result": result}

    def _send_report(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        report = rendered(self.document.model_dump_json(), payload.get("subject"))
        recipients = payload.get("recipients", ["owner@example.com"])
        return {
            "sent": [f"message to {recipient}" for recipient in recipients] if payload["send"] else [],
            "already_sent": 0, "subject": report.subject, "level": report.level, "html": report.html,
            "text": report.text, "csv": dict(report.csv),
            **({"images": {"pnl-1": "UE5H"}} if payload["images"] and "cid:" in report.html else {}),
        }  # fmt: skip

    def payload(self, output_name: str = "SendReportFunction") -> Mapping[str, Any]:
        """What a function was asked first."""
        return next(payload for name, payload in self.asked if name == output_name)


@pytest.fixture
def cloud() -> ReportCloud:
    return ReportCloud()


def run(cloud: Cloud, *arguments: str, text: str | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        app, list(arguments), obj=Options(cloud=cloud), input=text
    )


def hours_of(payload: Mapping[str, Any]) -> float:
    return (parse_utc(payload["end"]) - parse_utc(payload["start"])) / timedelta(hours=1)


@pytest.mark.parametrize("command", ["rate", "report"])
def test_hours_is_the_length_of_the_period(cloud: ReportCloud, command: str) -> None:
    run(cloud, command, "--hours", "36")
    assert hours_of(cloud.asked[0][1]) == 36


@pytest.mark.parametrize("command", ["rate", "report"])
def test_without_a_period_it_is_the_last_six_hours(cloud: ReportCloud, command: str) -> None:
    run(cloud, command)
    assert hours_of(cloud.asked[0][1]) == 6


@pytest.mark.parametrize("command", ["rate", "report"])
def test_from_and_until_are_the_period_in_utc(cloud: ReportCloud, command: str) -> None:
    run(cloud, command, *FROM)
    payload = cloud.asked[0][1]
    assert (payload["start"], payload["end"]) == ("2026-11-22T12:00:00Z", "2026-11-22T18:00:00Z")


def test_until_with_hours_counts_back_from_there(cloud: ReportCloud) -> None:
    run(cloud, "report", "--hours", "2", "--until", "2026-11-22T18:00")
    assert cloud.payload()["start"] == "2026-11-22T16:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hours", "6", *FROM], "exclude each other"),
        (["--hours", "0"], "more than 0"),
        (["--hours", "-3"], "more than 0"),
        (["--hours", "1e30"], "out of range"),
        (["--hours", "nan"], "more than 0"),
        (["--hours", "inf"], "out of range"),
        (["--from", "2026-11-22T18:00", "--until", "2026-11-22T12:00"], "must start before it ends"),
        (["--to", "ada@example.com"], "needs --send"),
        (["--to", "ada@example.com", "--to", "2026-11-22T18:00"], "needs --send"),
        (["--to", "tomorrow"], "'tomorrow' is neither"),
        (["--to", "2026-11-22T12:00", "--to", "2026-11-22T18:00"], "one end"),
        (["--to", "2026-11-22T12:00", "--until", "2026-11-22T18:00"], "one end"),
        (["--from", "2026-11-22T18:00", "--to", "2026-11-22T12:00"], "must start before it ends"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_and_asks_nobody(
    cloud: ReportCloud, arguments: list[str], words: str
) -> None:
    result = run(cloud, "report", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert cloud.asked == []


def test_without_send_nothing_is_mailed(cloud: ReportCloud) -> None:
    result = run(cloud, "report")
    assert cloud.payload()["send"] is False
    assert "Mailed" not in result.stderr
    assert "Expected orders linked" in result.stdout


def test_send_mails_and_says_so(cloud: ReportCloud) -> None:
    result = run(cloud, "report", "--send")
    assert cloud.payload()["send"] is True
    assert "recipients" not in cloud.payload()
    assert "Mailed to 1 recipient." in result.stderr


def test_to_names_the_recipients(cloud: ReportCloud) -> None:
    run(cloud, "report", "--send", "--to", "ada@example.com", "--to", "bob@example.com")
    assert cloud.payload()["recipients"] == ["ada@example.com", "bob@example.com"]


def test_a_time_in_to_is_the_end_of_the_period(cloud: ReportCloud) -> None:
    run(cloud, "report", "--from", "2026-11-22", "--to", "2026-11-22T18:00+01:00")
    payload = cloud.payload()
    assert (payload["start"], payload["end"]) == ("2026-11-22T00:00:00Z", "2026-11-22T17:00:00Z")
    assert payload["send"] is False
    run(cloud, "report", "--hours", "2", "--to", "2026-11-22T18:00", "--to", "ada@example.com", "--send")
    assert cloud.asked[-1][1]["start"] == "2026-11-22T16:00:00Z"
    assert cloud.asked[-1][1]["recipients"] == ["ada@example.com"]


def test_subject_replaces_the_reports_own(cloud: ReportCloud) -> None:
    result = run(cloud, "report", "--subject", "For the auditors")
    assert cloud.payload()["subject"] == "For the auditors"
    assert result.stdout.startswith("For the auditors")


def test_out_writes_every_file_into_a_folder(cloud: ReportCloud, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    result = run(cloud, "report", "--out", str(folder))
    names = {"report.html", "report.txt", "rates.csv", "orders.csv", "parameter_sets.csv", "results.csv"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert "report.html" in result.stderr


def test_a_place_that_cannot_be_written_to_is_one_line(cloud: ReportCloud, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(cloud, "report", "--out", str(tmp_path / "file" / "folder"))
    assert result.exit_code == 2
    assert result.stderr == f"linkage: {tmp_path / 'file' / 'folder'}: Not a directory\n"


def test_a_hostile_file_name_stays_in_the_folder(cloud: ReportCloud, tmp_path: Path) -> None:
    reply = {"html": "", "text": "", "csv": {"../../evil.csv": "x"}, "sent": [], "already_sent": 0}
    cloud.answers["SendReportFunction"] = {**reply, "subject": "", "level": "ok"}
    run(cloud, "report", "--out", str(tmp_path / "a" / "b"))
    assert not (tmp_path / "evil.csv").exists()
    assert (tmp_path / "a" / "b" / "evil.csv").exists()


def test_json_of_a_report_holds_every_figure(cloud: ReportCloud) -> None:
    document = json.loads(run(cloud, "report", *FROM, "--json").stdout)
    assert document["report"]["modes"][0]["rates"]["expected"] == {
        "part": 23,
        "whole": 23,
        "percent": "100.0",
    }
    assert (document["level"], document["sent"]) == ("ok", [])


@pytest.mark.parametrize("command", ["rate", "report"])
def test_the_exit_code_is_1_when_there_is_something_to_do(command: str) -> None:
    assert run(ReportCloud(busy_document()), command).exit_code == 1
    assert run(ReportCloud(calm_document()), command).exit_code == 0


def test_rate_shows_three_rates_for_each_mode(cloud: ReportCloud) -> None:
    output = run(cloud, "rate").stdout
    assert output.count("expected orders linked") == 2
    assert "mode live" in output
    assert "mode paper" in output
    assert "92.0 %" in output


def test_rate_of_nothing_says_so(cloud: ReportCloud) -> None:
    cloud.document = cloud.document.model_copy(update={"modes": []})
    result = run(cloud, "rate")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No orders and no signals" in result.stderr


def test_json_of_rates_has_counts_and_percentages(cloud: ReportCloud) -> None:
    modes = json.loads(run(cloud, "rate", "--json").stdout)["modes"]
    assert modes[0]["signals"] == {"part": 23, "whole": 25, "percent": "92.0"}


def test_verify_is_1_when_an_invariant_is_broken(cloud: ReportCloud) -> None:
    check = {"name": "every order is what its facts say", "rows": 9, "offences": 0, "offenders": []}
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": {"holds": True, "checks": [check]}}
    assert run(cloud, "verify").exit_code == 0
    broken = {"holds": False, "checks": [{**check, "offences": 1, "offenders": ["o-1"]}]}
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": broken}
    result = run(cloud, "verify")
    assert result.exit_code == 1
    assert "1: o-1" in result.stdout


def with_results(cloud: ReportCloud) -> ReportCloud:
    cloud.document = results_document()
    return cloud


def test_by_names_the_tables_and_prints_them(cloud: ReportCloud) -> None:
    result = run(with_results(cloud), "report", "--by", "trigger", "--by", "arm")
    assert cloud.payload("ReadLedgerFunction")["by"] == ["trigger", "arm"]
    assert "by trigger" in result.stdout
    assert "roc_momo" in result.stdout
    assert "insufficient data" in result.stdout


@pytest.mark.parametrize("arguments", [["--send"], ["--format", "html"], ["--open"], []])
def test_by_chooses_the_tables_of_the_mail_too(
    cloud: ReportCloud, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr("typer.launch", lambda _page: 0)
    assert run(cloud, "report", "--by", "arm", *arguments).exit_code == 0
    assert cloud.payload()["by"] == ["arm"]
    run(cloud, "report", *arguments)
    assert "by" not in cloud.asked[-1][1]


def test_small_amounts_keep_their_digits_on_the_screen(cloud: ReportCloud) -> None:
    document = results_document()
    mode = document.modes[0]
    row = mode.tables[0].rows[0].model_copy(update={"currency": "BTC", "net_pnl": Decimal("-0.002819")})
    small = mode.tables[0].model_copy(update={"rows": [row]})
    cloud.document = document.model_copy(update={"modes": [mode.model_copy(update={"tables": [small]})]})
    assert "−0.002819" in run(cloud, "report", "--by", "snapshot").stdout.split("by snapshot")[1]


def test_by_something_unknown_is_a_usage_error(cloud: ReportCloud) -> None:
    result = run(cloud, "report", "--by", "colour")
    assert (result.exit_code, cloud.asked) == (2, [])


@pytest.mark.parametrize(
    ("form", "begins"),
    [("html", "<!doctype html>"), ("json", "{"), ("csv", "mode,by,group"), ("text", "[")],
)
def test_format_says_what_is_printed(cloud: ReportCloud, form: str, begins: str) -> None:
    printed = run(with_results(cloud), "report", "--format", form).stdout
    assert printed.startswith(begins) or form == "text"
    assert ("<html" in printed) == (form == "html")


@pytest.mark.parametrize("form", ["html", "text", "json", "csv", "parquet"])
def test_format_and_out_write_one_file(cloud: ReportCloud, tmp_path: Path, form: str) -> None:
    path = tmp_path / "deep" / f"mine.{form}"
    result = run(with_results(cloud), "report", "--format", form, "--out", str(path))
    assert path.stat().st_size > 100
    assert result.stdout == ""
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_format_into_a_folder_that_is_there_takes_the_usual_name(cloud: ReportCloud, tmp_path: Path) -> None:
    run(with_results(cloud), "report", "--format", "csv", "--out", str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["report.csv"]


def test_csv_and_parquet_hold_a_row_for_each_group(cloud: ReportCloud, tmp_path: Path) -> None:
    for form in ("csv", "parquet"):
        run(with_results(cloud), "report", "--format", form, "--out", str(tmp_path))
    frame = polars.read_parquet(tmp_path / "report.parquet")
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["group"] for row in rows] == frame["group"].to_list()
    momentum = frame.filter((polars.col("by") == "trigger") & (polars.col("group") == "roc_momo"))
    assert momentum.select("n", "net_pnl", "win_rate_low", "drawdown").rows() == [(120, 30.0, 0.44, 22.4)]
    assert next(row for row in rows if row["group"] == "roc_momo")["net_pnl"] == "30"


def test_open_shows_the_html_that_was_written(
    cloud: ReportCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("typer.launch", shown.append)
    run(cloud, "report", "--out", str(tmp_path))
    assert shown == []
    run(cloud, "report", "--out", str(tmp_path), "--open")
    run(cloud, "report", "--open")
    assert shown[0] == str(tmp_path / "report.html")
    assert Path(shown[1]).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("form", ["html", "text", "json", "csv"])
def test_no_format_mails_without_send_and_each_does_with_it(cloud: ReportCloud, form: str) -> None:
    run(with_results(cloud), "report", "--format", form)
    run(cloud, "report", "--format", form, "--send", "--to", "ada@example.com")
    sent = [payload for name, payload in cloud.asked if name == "SendReportFunction"]
    assert [payload["send"] for payload in sent] == [False, True]
    assert sent[1]["recipients"] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "parquet"], "needs --out"),
        (["--format", "csv", "--json"], "contradict"),
    ],
)
def test_flags_that_contradict_each_other_are_a_usage_error(
    cloud: ReportCloud, arguments: list[str], words: str
) -> None:
    result = run(cloud, "report", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert cloud.asked == []


STORY: dict[str, Any] = {
    "identifier": "o-1",
    "orders": [
        {
            "order": {
                "order_id": "o-1", "venue": "coinbase", "account": "main", "symbol": "BTC-USD", "side": "buy",
                "status": "filled", "order_time": "2026-11-22T12:00:05Z", "filled_quantity": "2",
                "average_price": "100.25", "notional": "200.5", "fee": "0.25", "fee_currency": "USD",
                "client_order_id": "key-1", "origin": "[bold]sighook[/x]",
            },
            "disposition": {"disposition": "linked", "reason": None},
            "link": {"method": "key", "linked_at": "2026-11-22T12:00:06Z"},
            "signal": {
                "client_order_id": "key-1", "bot_id": "sighook", "signalled_at": "2026-11-22T12:00:00Z",
                "trigger_type": "roc_momo", "arm": "main", "buy_score": "4.5", "sell_score": None,
                "indicators_fired": ["rsi"], "indicator_breakdown": {"rsi": {"value": "28.1", "weight": "2"}},
                "disposition": "sent", "price": "100.5",
            },
            "snapshot": {
                "snapshot_id": "b042c0bb", "label": "Trend", "strategy": "matrix", "code_version": "3f2a",
                "parameters": {"strategy": "matrix", "rsi": {"low": "30"}},
            },
            "events": [{"status": "filled", "updated_at": "2026-11-22T12:00:05Z"}],
            "fills": [{"executed_at": "2026-11-22T12:00:05Z", "kind": "FILL", "price": "100.25"}],
            "lots": [
                {
                    "state": "closed", "entry_order_id": "o-1", "exit_order_id": "o-2", "quantity": "2",
                    "entry_price": "100.25", "exit_price": "103", "fees": "0.5", "pnl": "5",
                    "kind": "matched", "quote_currency": "USD", "missing": ["fee:BNB"],
                    "at": "2026-11-22T13:00:00Z",
                }
            ],
            "receipts": [], "history": [], "relatives": [],
        }
    ],
    "signals": [],
}  # fmt: skip


def test_trace_tells_the_story_in_the_order_in_which_it_happened(cloud: ReportCloud) -> None:
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": STORY}
    result = run(cloud, "trace", "o-1")
    assert result.exit_code == 0, result.output
    chapters = [
        "Parameters", "Scores", "Signal", "Order events", "Fills", "Order\n", "Link\n",
        "P&L, net of fees\n", "Lots\n",
    ]  # fmt: skip
    squeezed = "\n".join(line.strip(" │") for line in result.stdout.splitlines())
    places = [squeezed.index(chapter) for chapter in chapters]
    assert places == sorted(places)
    for fact in (
        "rsi.low",
        "30",
        "28.1",
        "roc_momo",
        "2026-11-22T12:00:06Z",
        "[bold]sighook[/x]",
        "buy score",
        "o-2",
        "103",
    ):
        assert fact in result.stdout


def test_trace_adds_up_what_an_order_made_in_figures_for_people(cloud: ReportCloud) -> None:
    (lot,) = STORY["orders"][0]["lots"]
    exact = {"quantity": "12.10084033000000001", "entry_price": "0.00002999843552", "quote_currency": "BTC"}
    lots = [
        {**lot, **exact, "pnl": "-0.000000176730325164"},
        {**lot, **exact, "pnl": "-0.000000823269674836"},
        {**lot, **exact, "pnl": "0.5", "state": "open", "exit_order_id": None},
        {**lot, **exact, "pnl": None, "state": "open", "exit_order_id": None, "exit_price": None},
    ]
    story = {**STORY, "orders": [{**STORY["orders"][0], "lots": lots}]}
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": story}
    shown = [" ".join(line.strip(" │").split()) for line in run(cloud, "trace", "o-1").stdout.splitlines()]
    assert "closed −0.000001 BTC" in shown
    assert "open +0.50 BTC" in shown
    assert "closed 12.10084 0.000029998436 103 −0.0000001767 BTC o-2 without fee:BNB" in shown
    assert json.loads(run(cloud, "trace", "o-1", "--json").stdout) == story


def test_trace_shows_a_signal_that_has_no_order(cloud: ReportCloud) -> None:
    told = STORY["orders"][0]
    signals = [{"signal": told["signal"], "snapshot": None}]
    story = {"identifier": "key-1", "orders": [], "signals": signals}
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": story}
    output = run(cloud, "trace", "key-1").stdout
    assert "without an order" in output
    assert "none in the signal" in output


def test_trace_of_an_unknown_id_is_exit_code_1(cloud: ReportCloud) -> None:
    cloud.answers["ReadLedgerFunction"] = {"ok": True, "result": None}
    result = run(cloud, "trace", "nobody")
    assert result.exit_code == 1
    assert "no order and no signal nobody" in result.stderr
    assert json.loads(run(cloud, "trace", "nobody", "--json").stdout) is None


def test_sql_prints_rows_and_says_when_there_are_more(cloud: ReportCloud) -> None:
    answer = {"ok": True, "columns": ["a", "b"], "rows": [[1, "[/x]"], [None, "z"]], "truncated": True}
    cloud.answers["QueryLedgerFunction"] = answer
    result = run(cloud, "sql", "SELECT 1")
    assert (result.exit_code, cloud.payload("QueryLedgerFunction")) == (0, {"sql": "SELECT 1"})
    assert "[/x]" in result.stdout
    assert "2 rows, and there are more" in result.stderr
    assert json.loads(run(cloud, "sql", "SELECT 1", "--json").stdout)["rows"] == [[1, "[/x]"], [None, "z"]]


def test_sql_reads_a_statement_from_standard_input(cloud: ReportCloud) -> None:
    cloud.answers["QueryLedgerFunction"] = {"ok": True, "columns": [], "rows": [], "truncated": False}
    run(cloud, "sql", "-", text="SELECT\n2")
    assert cloud.payload("QueryLedgerFunction") == {"sql": "SELECT\n2"}


def test_an_error_in_a_statement_is_exit_code_1_and_its_words(cloud: ReportCloud) -> None:
    cloud.answers["QueryLedgerFunction"] = {"ok": False, "error": 'column "x" does not exist'}
    result = run(cloud, "sql", "SELECT x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert 'column "x" does not exist' in result.stderr


def test_pictures_are_drawn_only_for_those_who_see_them(tmp_path: Path) -> None:
    for arguments, wanted in (
        ([], False),
        (["--format", "json"], False),
        (["--format", "csv", "--out", str(tmp_path / "report.csv")], False),
        (["--out", str(tmp_path / "folder")], True),
        (["--format", "html"], True),
    ):
        cloud = ReportCloud(results_document())
        page = run(cloud, "report", *FROM, *arguments).stdout
        assert cloud.payload()["images"] is wanted, arguments
        assert 'src="cid:' not in page
    assert (tmp_path / "folder" / "pnl-1.png").read_bytes() == b"PNG"
