"""What a report says first: its level, its subject line and its headline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from functions.report.rendering.advice import Advice, advise, signals_without_keys
from functions.report.rendering.formatting import (
    clock_time,
    count,
    day_and_time,
    mode_tag,
    plain,
    plural,
    signed,
)
from linkage.contracts.report import BotCount, ModeReport, ReportDocument

Level = Literal["act", "look", "ok", "quiet"]
LEVEL_NAMES: dict[Level, str] = {"act": "ACT", "look": "LOOK", "ok": "OK", "quiet": "QUIET"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the report comes down to."""

    level: Level
    subject: str
    headline: str
    advice: Sequence[Advice]


def judge(document: ReportDocument, *, stage: str, zone: tzinfo, dead_letters: int = 0) -> Verdict:
    """Return what the report comes down to.

    Args:
        document: what ``read_ledger`` answered.
        stage: named at the end of the subject where it is not prod.
        zone: of the times.
        dead_letters: messages in the dead-letter queue of fills.
    """
    advice = advise(document, zone, dead_letters)
    level = _level(document, advice)
    if level == "act":
        subject, headline = _urgent_lines(document, zone, dead_letters)
    elif level == "quiet":
        subject, headline = _quiet_lines(document, zone)
    else:
        subject, headline = _active_subject(document, advice), _active_headline(document)
    if stage != "prod":
        subject = f"{subject} · {stage}"
    return Verdict(level, subject, headline, [_with_stage(warning, stage) for warning in advice])


def _with_stage(warning: Advice, stage: str) -> Advice:
    """Return a warning with its command as it is to be typed: without the stage it would ask another one."""
    command = f"linkage --stage {stage} {warning.command}" if warning.command else ""
    return replace(warning, command=command)


def _level(document: ReportDocument, advice: Sequence[Advice]) -> Level:
    if any(warning.urgent for warning in advice):
        return "act"
    if advice:
        return "look"
    active = any(mode.rates.executed.whole or mode.rates.signals.whole for mode in document.modes)
    return "ok" if active else "quiet"


def busy_modes(document: ReportDocument) -> list[ModeReport]:
    """Return the modes that traded or were to trade.

    A mode may have results and nothing else: the books of manual orders are in no bot's mode.
    """
    rates = ((mode, mode.rates) for mode in document.modes)
    return [mode for mode, of in rates if of.executed.whole or of.signals.whole or of.pending]


def _quiet_lines(document: ReportDocument, zone: tzinfo) -> tuple[str, str]:
    start, end = clock_time(document.period.start, zone), clock_time(document.period.end, zone)
    still_open = "".join(f" · {lots}" for mode in document.modes for lots in _open_lots(mode))
    return f"QUIET · no orders {start} to {end}{still_open}", "No orders were executed."


def _active_subject(document: ReportDocument, advice: Sequence[Advice]) -> str:
    modes = busy_modes(document) or list(document.modes)
    several = len(modes) > 1
    facts = " · ".join(
        " · ".join([_linked_of_expected(mode, several), *_results(mode), *_open_lots(mode)]) for mode in modes
    )
    pending = sum(mode.rates.pending for mode in document.modes)
    waiting = f" · {pending} pending" if pending else ""
    if not advice:
        return f"OK · {facts or 'no orders'}{waiting}"
    # What there is to look at is what the lock screen has to say first.
    others = f" and {count(len(advice) - 1)} more" if len(advice) > 1 else ""
    return f"LOOK: {plain(advice[0].brief, 60)}{others} · {facts or 'no orders'}{waiting}"


def _active_headline(document: ReportDocument) -> str:
    modes = busy_modes(document)
    sentences = [_mode_sentence(mode) for mode in modes]
    if len(sentences) <= 1:
        return sentences[0] if sentences else "No orders were executed."
    if all(mode.rates.expected.whole for mode in modes):
        return f"All expected orders are linked, {' and '.join(mode.mode for mode in modes)}."
    return " ".join(
        f"{mode.mode.capitalize()}: {sentence[0].lower()}{sentence[1:]}"
        for mode, sentence in zip(modes, sentences, strict=True)
    )


def _mode_sentence(mode: ModeReport) -> str:
    expected, pending = mode.rates.expected.whole, mode.rates.pending
    if expected:
        all_of = (
            "The one expected order is" if expected == 1 else f"All {count(expected)} expected orders are"
        )
        tail = f", {count(pending)} more pending" if pending else ""
        return f"{all_of} linked{tail}."
    if pending:
        return f"{plural(pending, 'order')} pending, none overdue."
    if mode.rates.executed.whole:
        return f"{plural(mode.rates.executed.whole, 'order')} executed, none of a bot that sends signals."
    return "No orders were executed."


def _linked_of_expected(mode: ModeReport, several: bool) -> str:
    name = f"{mode.mode} " if several or mode_tag(mode.mode) else ""
    expected = mode.rates.expected
    if expected.whole:
        return f"{name}{count(expected.part)}/{count(expected.whole)} linked"
    if mode.rates.executed.whole:
        return f"{name}{plural(mode.rates.executed.whole, 'order')}, none expected"
    signals = mode.rates.signals.whole
    return f"{name}no orders, {plural(signals, 'signal')}" if signals else f"{name}no orders"


def _results(mode: ModeReport) -> list[str]:
    """Return the results of two currencies: a lock screen shows no more."""
    closed = sorted((money for money in mode.money if money.total.n), key=lambda money: -money.total.n)
    return [signed(money.total.net_pnl, money.currency) for money in closed[:2]]


def _open_lots(mode: ModeReport) -> list[str]:
    still_open = sum(money.open_lots for money in mode.money)
    return [f"{count(still_open)} open"] if still_open else []


def _urgent_lines(document: ReportDocument, zone: tzinfo, dead_letters: int) -> tuple[str, str]:
    if any(mode.rates.lost or mode.rates.conflict for mode in document.modes):
        return _defect_lines(document, zone)
    if dead_letters:
        subject = f"ACT: {plural(dead_letters, 'dead letter')}"
        return subject, f"{plural(dead_letters, 'message')} could not be recorded."
    mode = next(mode for mode in document.modes if signals_without_keys(mode))
    orders = plural(mode.rates.executed.whole, "order")
    return f"ACT: {orders}, none expected", f"{orders} executed, and no signal was expected for any."


def _defect_lines(document: ReportDocument, zone: tzinfo) -> tuple[str, str]:
    several = len(document.modes) > 1
    defects, headline = [], []
    for mode in document.modes:
        lost, conflict = mode.rates.lost, mode.rates.conflict
        if not (lost or conflict):
            continue
        counts = [f"{count(lost)} lost"] * bool(lost) + [f"{count(conflict)} in conflict"] * bool(conflict)
        defects.append(f"{mode.mode} {', '.join(counts)}" if several else ", ".join(counts))
        orders = f"{mode.mode} order" if several else "order"
        headline.append(f"{plural(lost + conflict, orders)} {'is' if lost + conflict == 1 else 'are'}")
    bots = sorted(
        (bot for mode in document.modes for bot in mode.bots if bot.lost or bot.conflict),
        key=lambda bot: -(bot.lost + bot.conflict),
    )
    subject = f"ACT: {', '.join(defects)}"
    since = _since(bots)
    if since:
        one_day = document.period.end - document.period.start <= timedelta(days=1)
        subject += f" since {clock_time(since, zone) if one_day else day_and_time(since, zone)}"
    if bots:
        subject += f", {_bot_names(bots)}"
    return subject, f"{' and '.join(headline)} not linked, and should be."


def _bot_names(bots: Sequence[BotCount]) -> str:
    names = [plain(bot.bot_id or "no bot", 24) for bot in bots]
    return f"bot {names[0]}" if len(names) == 1 else f"bot {names[0]} and {plural(len(names) - 1, 'other')}"


def _since(bots: Sequence[BotCount]) -> datetime | None:
    return min((bot.first_defect_at for bot in bots if bot.first_defect_at), default=None)
