"""The folder of results appears in one piece or not at all, and the exit code tells the truth."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from demo.outcome import Summary, draft_of, write_report, write_summary
from demo.replay import wait_until
from demo.stage import DemoError

GOOD = Summary(
    strategy_orders=2,
    linked=2,
    pending=0,
    lost=0,
    conflict=0,
    external=1,
    refused=0,
    linkage_rate=1.0,
    wrong_links=0,
    own_links=1,
    recomputed=1,
    bots=2,
    symbols=1,
    bracket_children=0,
    fills=2,
    signals=2,
    snapshots=2,
    runs=1,
    duplicates=0,
    quarantined=0,
    withheld_before="pending",
    market="a test",
    triggers={"score": 3, "roc_momo": 1, "take_profit": 1, "stop_loss": 1},
    partial_fills=1,
    cumulative_events=1,
    own_refused=1,
    replaced=1,
    suppressed=1,
    deploy_seconds=1.0,
    replay_seconds=1.0,
    total_seconds=2.0,
    problems=[],
)


def test_a_draft_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target, drafts = tmp_path / "out" / "demo", tmp_path / "local"
    for text in ("first", "second"):
        with draft_of(target, drafts) as draft:
            (draft / "report.txt").write_text(text)
    assert (target / "report.txt").read_text() == "second"
    assert list(drafts.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, DemoError])
def test_an_interrupted_draft_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target, drafts = tmp_path / "out" / "demo", tmp_path / "local"
    with draft_of(target, drafts) as draft:
        (draft / "report.txt").write_text("first")

    def interrupted() -> None:
        with draft_of(target, drafts) as draft:
            (draft / "report.txt").write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert (target / "report.txt").read_text() == "first"
    assert list(drafts.iterdir()) == []


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, linkage_rate=0.99),
        replace(GOOD, wrong_links=1),
        replace(GOOD, recomputed=0),
        replace(GOOD, pending=1),
        replace(GOOD, problems=["a signal was not foreseen"]),
        *(replace(GOOD, triggers={**GOOD.triggers, name: 0}) for name in GOOD.triggers),
        replace(GOOD, triggers={"score": 3}),
        replace(GOOD, partial_fills=0),
        replace(GOOD, cumulative_events=0),
        replace(GOOD, own_refused=0),
        replace(GOOD, replaced=0),
        replace(GOOD, suppressed=0),
    ],
)
def test_one_thing_that_is_wrong_is_enough(bad: Summary) -> None:
    assert GOOD.is_good
    assert not bad.is_good


def test_the_summary_is_json_with_the_promised_names(tmp_path: Path) -> None:
    write_summary(tmp_path, GOOD)
    written = json.loads((tmp_path / "summary.json").read_text())
    promised = (
        "strategy_orders linked pending lost conflict external wrong_links recomputed fills signals "
        "snapshots linkage_rate runs deploy_seconds market triggers partial_fills cumulative_events "
        "own_refused replaced suppressed"
    )
    assert set(promised.split()) <= set(written)


def test_the_saved_mail_has_the_files_that_the_emulator_dropped(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail.set_content("text")
    mail.add_alternative("<p>html</p>", subtype="html")
    report = {
        "html": '<p>html</p><img src="cid:pnl-1">',
        "text": "text",
        "csv": {"orders.csv": "a,b\r\n1,2\r\n"},
        "images": {"pnl-1": base64.b64encode(b"png").decode()},
    }
    write_report(tmp_path, report, mail)
    assert (tmp_path / "pnl-1.png").read_bytes() == b"png"
    assert 'src="pnl-1.png"' in (tmp_path / "report.html").read_text()
    saved = email.message_from_bytes((tmp_path / "report.eml").read_bytes(), policy=email.policy.default)
    assert [part.get_filename() for part in saved.iter_attachments()] == ["orders.csv"]
    assert (tmp_path / "orders.csv").read_bytes() == b"a,b\r\n1,2\r\n"


def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(DemoError, match="until the queue is empty"):
        wait_until("the queue is empty", lambda: False, seconds=0)
