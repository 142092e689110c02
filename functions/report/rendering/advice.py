"""What a report asks somebody to do: defects, warnings and missing activity, each with its command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

from functions.report.rendering.formatting import count, day_and_time, mode_tag, plain, plural, reason
from linkage.contracts.report import DEFECTS, DispositionCount, ModeReport, ReportDocument

RECENT_RUN = timedelta(days=14)
"""A strategy that last ran before that is taken for one that was switched off."""

_NO_LAST_BAR = "missing_last_bar"


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


def advise(document: ReportDocument, zone: tzinfo, dead_letters: int) -> list[Advice]:
    """Return what there is to do, urgent things first.

    Args:
        document: what ``read_ledger`` answered.
        zone: of the times.
        dead_letters: messages in the dead-letter queue of fills.
    """
    advice = [
        *_defects(document, zone),
        *_warnings(document),
        *_dead_letters(dead_letters),
        *_missing_activity(document, zone),
    ]
    return sorted(advice, key=lambda warning: not warning.urgent)


def _defects(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    return [
        _defect(mode, defect, zone)
        for mode in document.modes
        for defect in mode.dispositions
        if defect.disposition in DEFECTS
    ]


def _defect(mode: ModeReport, defect: DispositionCount, zone: tzinfo) -> Advice:
    state = "in conflict" if defect.disposition == "conflict" else defect.disposition
    orders = f"{plural(defect.orders, 'order')} {state}"
    return Advice(
        key=f"{defect.disposition}:{mode.mode}:{defect.reason or ''}",
        # Those orders stay what they are; it is over in that no others joined them.
        brief=f"{orders}{_in_mode(mode)}, and no more in this period",
        text=f"{orders} since {day_and_time(defect.first_at, zone)}{_in_mode(mode)}: "
        f"{reason(defect.disposition, defect.reason)}. {_remedy(defect.disposition, defect.reason)}",
        command=f"trace {_shell_quoted(defect.example)}" if defect.example else "verify",
        urgent=True,
    )


def _in_mode(mode: ModeReport) -> str:
    tag = mode_tag(mode.mode)
    return f" ({tag})" if tag else ""


def _remedy(disposition: str, code: str | None) -> str:
    if disposition == "conflict":
        return "Look whether the bot used a key twice, or for another order."
    return {
        "no_key": (
            "Let the bot send the signal's client_order_id on to the venue, or post both ids to /v1/orders."
        ),
        "unknown_key": "Look whether the bot's signals reach the webhook, and which key it gives the venue.",
        "no_signal": "Look for refused requests of the webhook at that time.",
        "no_snapshot": "Let the signal name its snapshot_id, or send the parameters with it.",
    }.get(code or "", "Begin with one of them.")


def _shell_quoted(text: str) -> str:
    safe = text and all(character.isalnum() or character in "-_.:/@+" for character in text)
    return text if safe and text.isascii() else "'" + plain(text, 300).replace("'", "'\\''") + "'"


def _warnings(document: ReportDocument) -> list[Advice]:
    warnings = []
    for mode in document.modes:
        warnings.extend(signals_without_keys(mode) or _other_orders(mode))
    if not document.linking_enabled:
        warnings.append(
            Advice(
                key="linking_off",
                brief="linking is switched off",
                text="Linking is switched off. Trades are recorded, and link once it is on.",
                command="switch on",
            )
        )
    if document.quarantined:
        messages = plural(document.quarantined, "message")
        warnings.append(
            Advice(
                key="quarantine",
                brief="quarantined messages",
                text=f"{messages} could not be understood and "
                f"{'is' if document.quarantined == 1 else 'are'} quarantined.",
                command="quarantine list",
            )
        )
    return warnings


def signals_without_keys(mode: ModeReport) -> list[Advice]:
    """Return a warning where signals were sent and orders executed, and no order carries a signal's key."""
    executed = _executed_unexpected(mode)
    if not executed or not mode.rates.signals.whole:
        return []
    text = (
        f"{plural(mode.rates.signals.whole, 'signal')} sent, and none of "
        f"{plural(executed, 'executed order')} was expected to have one. "
        "Look whether the orders carry the signals' keys."
    )
    brief = f"orders without the signals' keys{_in_mode(mode)}"
    return [Advice(f"no_keys:{mode.mode}", brief, text, "bot list", urgent=True)]


def _other_orders(mode: ModeReport) -> list[Advice]:
    """Orders execute, and nothing says that a signal belongs to any: their bot may not be registered."""
    executed = _executed_unexpected(mode)
    if not executed:
        return []
    return [
        Advice(
            key=f"nobody:{mode.mode}",
            brief=f"other orders on the account{_in_mode(mode)}",
            text=f"{plural(executed, 'other order')} executed on the account. "
            "If a bot of yours made them, register it.",
            command="bot list",
        )
    ]


def _executed_unexpected(mode: ModeReport) -> int:
    """Return how many orders were executed where no order of the mode was expected to have a signal."""
    if mode.rates.expected.whole or mode.rates.pending:
        return 0
    unsignalled = sum(counted.orders for counted in mode.dispositions if counted.disposition == "unsignalled")
    return mode.rates.executed.whole - unsignalled


def _dead_letters(letters: int) -> list[Advice]:
    if not letters:
        return []
    text = (
        f"{plural(letters, 'message')} could not be recorded after many attempts and "
        f"{'waits' if letters == 1 else 'wait'} in the dead-letter queue. Once the cause is gone:"
    )
    return [Advice("dead_letters", "messages in the dead-letter queue", text, "redrive", urgent=True)]


def _missing_activity(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    """Return what should have happened and did not: runs, fills, new candles."""
    return [*_no_runs(document, zone), *_no_fills(document), *_stale_market(document, zone)]


def _no_runs(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    last_run, start = document.liveness.last_run_at, document.period.start
    if last_run is None or document.health.runs or not start - RECENT_RUN < last_run < start:
        return []
    text = f"No strategy has run since {day_and_time(last_run, zone)}."
    return [Advice("no_runs", "no strategy runs", text, "params show")]


def _no_fills(document: ReportDocument) -> list[Advice]:
    sent = sum(mode.rates.signals.whole for mode in document.modes)
    if not sent or document.health.fills or any(mode.rates.executed.whole for mode in document.modes):
        return []
    text = (
        f"{plural(sent, 'signal')} sent, and no fill came. Look whether orders are placed at all, and "
        "whether fills reach the webhook."
    )
    return [Advice("no_fills", "signals and no fills", text, "bot list")]


def _stale_market(document: ReportDocument, zone: tzinfo) -> list[Advice]:
    health = document.health
    seen, stale = health.last_run_seen, health.last_run_skipped.get(_NO_LAST_BAR, 0)
    if seen is None or (seen > 0 and stale <= seen):
        return []
    newest = (
        f" The newest bar began at {day_and_time(health.last_bar_at, zone)}." if health.last_bar_at else ""
    )
    text = (
        f"The last run had a new candle for {count(seen)} of {plural(seen + stale, 'symbol')}.{newest} Look "
        "at the source of the market's data."
    )
    return [Advice("stale_market", "stale market", text)]
