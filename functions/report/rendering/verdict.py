"""What a report says first: its level, its subject line, its headline and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from functions.report.rendering.words import (
    clock_time,
    count,
    day_and_time,
    plain,
    plural,
    reason_words,
    signed,
)
from linkage.contracts.report import DEFECTS, BotCount, ModeReport, ReportDocument

Level = Literal["act", "look", "ok", "quiet"]
LEVEL_WORDS: dict[Level, str] = {"act": "ACT", "look": "LOOK", "ok": "OK", "quiet": "QUIET"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do, and the command to begin with.

    Attributes:
        key: the same whenever the same thing is wrong.
        brief: what was wrong, in a few words, for the report in which it no longer is.
        command: without the program's name and stage until ``judge`` has added them.
        state: whether it is new, or since when it is not.
    """

    key: str
    brief: str
    text: str
    command: str = ""
    urgent: bool = False
    state: str = ""


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
    advice = [
        *_defects(document, zone),
        *_worries(document),
        *_dead(dead_letters),
        *_silences(document, zone),
    ]
    advice.sort(key=lambda each: not each.urgent)
    level = _level(document, advice)
    subject, headline = _words(document, level, zone, dead_letters, advice)
    if stage != "prod":
        subject = f"{subject} · {stage}"
    return Verdict(level, subject, headline, [_typed(each, stage) for each in advice])


def _typed(advice: Advice, stage: str) -> Advice:
    """Return the advice with its command as it is to be typed: without the stage it would ask another one."""
    command = f"linkage --stage {stage} {advice.command}" if advice.command else ""
    return replace(advice, command=command)


def _level(document: ReportDocument, advice: Sequence[Advice]) -> Level:
    if any(each.urgent for each in advice):
        return "act"
    if advice:
        return "look"
    active = any(mode.rates.executed.whole or mode.rates.signals.whole for mode in document.modes)
    return "ok" if active else "quiet"


def _words(
    document: ReportDocument, level: Level, zone: tzinfo, dead_letters: int, advice: Sequence[Advice]
) -> tuple[str, str]:
    if level == "act" and _defect_count(document):
        return _defect_words(document, zone)
    if level == "act" and dead_letters:
        letters = plural(dead_letters, "dead letter")
        return f"ACT: {letters}", f"{plural(dead_letters, 'message')} could not be recorded."
    if level == "act":
        mode = next(mode for mode in document.modes if any(each.urgent for each in _nothing_expected(mode)))
        orders = plural(mode.rates.executed.whole, "order")
        return f"ACT: {orders}, none expected", f"{orders} executed, and no signal was expected for any."
    if level == "quiet":
        start, end = (clock_time(each, zone) for each in (document.period.start, document.period.end))
        waiting = "".join(f" · {words}" for mode in document.modes for words in _open_words(mode))
        return f"QUIET · no orders {start} to {end}{waiting}", "No orders were executed."
    modes = busy_modes(document) or list(document.modes)
    several = len(modes) > 1
    facts = " · ".join(" · ".join([_mode_words(mode, several), *_money_words(mode)]) for mode in modes)
    pending = sum(mode.rates.pending for mode in document.modes)
    waiting = f" · {pending} pending" if pending else ""
    # What there is to look at is what the lock screen has to say first.
    start = f"LOOK: {plain(advice[0].brief, 60)}{_others(len(advice) - 1)}" if advice else LEVEL_WORDS[level]
    return f"{start} · {facts or 'no orders'}{waiting}", _headline(document)


def _others(number: int) -> str:
    return f" and {count(number)} more" if number else ""


def busy_modes(document: ReportDocument) -> list[ModeReport]:
    """Return the modes that traded or were to trade.

    A mode may have results and nothing else: the books of manual orders are in no bot's mode.
    """
    rates = ((mode, mode.rates) for mode in document.modes)
    return [mode for mode, of in rates if of.executed.whole or of.signals.whole or of.pending]


def _headline(document: ReportDocument) -> str:
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


def _mode_words(mode: ModeReport, several: bool) -> str:
    name = f"{mode.mode} " if several or mode.mode not in ("live", "unknown") else ""
    expected = mode.rates.expected
    if expected.whole:
        return f"{name}{count(expected.part)}/{count(expected.whole)} linked"
    if mode.rates.executed.whole:
        return f"{name}{plural(mode.rates.executed.whole, 'order')}, none expected"
    signals = mode.rates.signals.whole
    return f"{name}no orders, {plural(signals, 'signal')}" if signals else f"{name}no orders"


def _money_words(mode: ModeReport) -> list[str]:
    """Return what a lock screen has room for: the results of two currencies, and how much is open."""
    closed = [money for money in mode.money if money.total.n]
    closed.sort(key=lambda money: -money.total.n)
    results = [signed(money.total.net_pnl, money.currency) for money in closed[:2]]
    return results + _open_words(mode)


def _open_words(mode: ModeReport) -> list[str]:
    still_open = sum(money.open_lots for money in mode.money)
    return [f"{count(still_open)} open"] if still_open else []


def _defect_count(document: ReportDocument) -> int:
    return sum(mode.rates.lost + mode.rates.conflict for mode in document.modes)


def _defect_words(document: ReportDocument, zone: tzinfo) -> tuple[str, str]:
    several = len(document.modes) > 1
    what, headline = [], []
    for mode in document.modes:
        lost, conflict = mode.rates.lost, mode.rates.conflict
        if not (lost or conflict):
            continue
        found = [f"{count(lost)} lost"] * bool(lost) + [f"{count(conflict)} in conflict"] * bool(conflict)
        what.append(f"{mode.mode} {', '.join(found)}" if several else ", ".join(found))
        orders = f"{mode.mode} order" if several else "order"
        headline.append(f"{plural(lost + conflict, orders)} {'is' if lost + conflict == 1 else 'are'}")
    bots = sorted(
        (bot for mode in document.modes for bot in mode.bots if bot.lost or bot.conflict),
        key=lambda bot: -(bot.lost + bot.conflict),
    )
    subject = f"ACT: {', '.join(what)}"
    since = _since(bots)
    if since:
        one_day = document.period.end - document.period.start <= timedelta(days=1)
        subject += f" since {clock_time(since, zone) if one_day else day_and_time(since, zone)}"
    if bots:
        subject += f", {_bot_words(bots)}"
    return subject, f"{' and '.join(headline)} not linked, and should be."


def _bot_words(bots: Sequence[BotCount]) -> str:
    names = [plain(bot.bot_id or "no bot", 24) for bot in bots]
    return f"bot {names[0]}" if len(names) == 1 else f"bot {names[0]} and {plural(len(names) - 1, 'other')}"


def _since(bots: Sequence[BotCount]) -> datetime | None:
    return min((bot.first_defect_at for bot in bots if bot.first_defect_at), default=None)


def _defects(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    advice = []
    for mode in document.modes:
        for each in mode.dispositions:
            if each.disposition not in DEFECTS:
                continue
            text = (
                f"{plural(each.orders, 'order')} {_state(each.disposition)} "
                f"since {day_and_time(each.first_at, zone)}"
                f"{_in_mode(mode)}: "
                f"{reason_words(each.disposition, each.reason)}. {_cure(each.disposition, each.reason)}"
            )
            command = f"trace {_shell_word(each.example)}" if each.example else "verify"
            key = f"{each.disposition}:{mode.mode}:{each.reason or ''}"
            # Those orders stay what they are; it is over in that no others joined them.
            found = f"{plural(each.orders, 'order')} {_state(each.disposition)}{_in_mode(mode)}"
            brief = f"{found}, and no more in this period"
            advice.append(Advice(key, brief, text, command, urgent=True))
    return advice


def _in_mode(mode: ModeReport) -> str:
    return "" if mode.mode in ("live", "unknown") else f" ({mode.mode})"


def _state(disposition: str) -> str:
    return "in conflict" if disposition == "conflict" else disposition


def _cure(disposition: str, reason: str | None) -> str:
    if disposition == "conflict":
        return "Look whether the bot used a key twice, or for another order."
    return {
        "no_key": (
            "Let the bot send the signal's client_order_id on to the venue, or post both ids to /v1/orders."
        ),
        "unknown_key": "Look whether the bot's signals reach the webhook, and which key it gives the venue.",
        "no_signal": "Look for refused requests of the webhook at that time.",
        "no_snapshot": "Let the signal name its snapshot_id, or send the parameters with it.",
    }.get(reason or "", "Begin with one of them.")


def _shell_word(text: str) -> str:
    safe = text and all(character.isalnum() or character in "-_.:/@+" for character in text)
    return text if safe and text.isascii() else "'" + plain(text, 300).replace("'", "'\\''") + "'"


def _expects(mode: ModeReport) -> bool:
    return bool(mode.rates.expected.whole or mode.rates.pending)


def _worries(document: ReportDocument) -> list[Advice]:
    worries = []
    for mode in document.modes:
        worries.extend(_nothing_expected(mode))
    if not document.linking_enabled:
        worries.append(
            Advice(
                "linking_off",
                "linking is switched off",
                "Linking is switched off. Trades are recorded, and link once it is on.",
                "switch on",
            )
        )
    if document.quarantined:
        worries.append(
            Advice(
                "quarantine",
                "messages kept aside",
                f"{plural(document.quarantined, 'message')} could not be understood and "
                f"{'is' if document.quarantined == 1 else 'are'} kept aside.",
                "quarantine list",
            )
        )
    return worries


def _nothing_expected(mode: ModeReport) -> list[Advice]:
    """Orders execute, and nothing says that a signal belongs to any: the bot may be unknown to us."""
    declared = sum(each.orders for each in mode.dispositions if each.disposition == "unsignalled")
    if _expects(mode) or mode.rates.executed.whole == declared:
        return []
    orders = plural(mode.rates.executed.whole - declared, "executed order")
    if mode.rates.signals.whole:
        text = (
            f"{plural(mode.rates.signals.whole, 'signal')} sent, and none of {orders} was expected to have "
            "one. Look whether the orders carry the signals' keys."
        )
        brief = f"orders without the signals' keys{_in_mode(mode)}"
        return [Advice(f"no_keys:{mode.mode}", brief, text, "bot list", urgent=True)]
    return [
        Advice(
            f"nobody:{mode.mode}",
            f"orders of no registered bot{_in_mode(mode)}",
            f"{orders} of no registered bot. If a bot of yours made them, register it.",
            "bot list",
        )
    ]


def _dead(letters: int) -> list[Advice]:
    if not letters:
        return []
    text = (
        f"{plural(letters, 'message')} could not be recorded after many attempts and "
        f"{'waits' if letters == 1 else 'wait'} in the dead-letter queue. Once the cause is gone:"
    )
    return [Advice("dead_letters", "messages in the dead-letter queue", text, "redrive", urgent=True)]


RECENT_RUN = timedelta(days=14)
"""A strategy that last ran before that is taken for one that was switched off."""

_NO_LAST_BAR = "missing_last_bar"


def _silences(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    """Return what should have happened and did not: runs, fills, new candles."""
    found = []
    health, start = document.health, document.period.start
    last_run = document.liveness.last_run_at
    if last_run is not None and not health.runs and start - RECENT_RUN < last_run < start:
        text = f"No strategy has run since {day_and_time(last_run, zone)}."
        found.append(Advice("no_runs", "no strategy runs", text, "params show"))
    sent = sum(mode.rates.signals.whole for mode in document.modes)
    if sent and not health.fills and not any(mode.rates.executed.whole for mode in document.modes):
        text = (
            f"{plural(sent, 'signal')} sent, and no fill came. Look whether orders are placed at all, and "
            "whether fills reach the webhook."
        )
        found.append(Advice("no_fills", "signals and no fills", text, "bot list"))
    seen, stale = health.last_run_seen, health.last_run_skipped.get(_NO_LAST_BAR, 0)
    if seen is not None and (seen == 0 or stale > seen):
        bar = (
            f" The newest bar began at {day_and_time(health.last_bar_at, zone)}."
            if health.last_bar_at
            else ""
        )
        text = (
            f"The last run had a new candle for {count(seen)} of {plural(seen + stale, 'symbol')}.{bar} Look "
            "at the source of the market's data."
        )
        found.append(Advice("stale_market", "stale market", text))
    return found
