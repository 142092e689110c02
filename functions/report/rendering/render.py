"""The report as a mail: HTML and text from one view, and the CSV files beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from functions.report.rendering import words
from functions.report.rendering.charts import pnl_chart
from functions.report.rendering.csv_files import csv_files
from functions.report.rendering.memory import Memory, advance, read_memory, state_words
from functions.report.rendering.naming import Described, SnapshotName, name_snapshots
from functions.report.rendering.results import (
    Line,
    change_words,
    late_words,
    lots_note,
    results_of,
    sum_words,
)
from functions.report.rendering.room import Room
from functions.report.rendering.verdict import LEVEL_WORDS, Advice, Level, Verdict, busy_modes, judge
from linkage.contracts.performance import Money
from linkage.contracts.report import (
    DEFECTS,
    BotCount,
    DispositionCount,
    ModeReport,
    OrderRow,
    Rate,
    ReportDocument,
    SnapshotActivity,
)

TEMPLATES = Path(__file__).parent / "templates"
MAX_HTML_BYTES = 90_000
"""Mail programs cut off what is longer, with what came last in it."""
_ORDER_OF_DISPOSITIONS = tuple(words.DISPOSITION_WORDS)


@dataclass(frozen=True)
class RenderedReport:
    """A report, ready to be mailed or saved.

    Attributes:
        level: ``act``, ``look``, ``ok`` or ``quiet``.
        csv: file names to their text.
        memory: for the next report of this name; None where none was given.
        all_clear: whether what was wrong in the last report of this name is over, all of it.
    """

    level: Level
    subject: str
    html: str
    text: str
    csv: Mapping[str, str]
    memory: str | None = None
    all_clear: bool = False
    draw: Callable[[], Mapping[str, bytes]] = dict

    @cached_property
    def images(self) -> Mapping[str, bytes]:
        """PNG pictures that the HTML shows, by their Content-ID; drawn when somebody wants them."""
        return self.draw()


def render(
    document: ReportDocument,
    *,
    stage: str,
    zone: tzinfo = UTC,
    subject: str | None = None,
    dead_letters: int = 0,
    remembers: bool = False,
    remembered: str | None = None,
) -> RenderedReport:
    """Return the report in all its forms.

    Args:
        document: what ``read_ledger`` answered.
        stage: shown where it is not prod.
        zone: of the times in the mail; the CSV files are in UTC.
        subject: instead of the one that says how things are.
        dead_letters: messages in the dead-letter queue of fills.
        remembers: whether this report is one of a row, and says what is new since the last.
        remembered: the memory of the one before.
    """
    verdict = judge(document, stage=stage, zone=zone, dead_letters=dead_letters)
    memory = _memory(document, verdict, remembered) if remembers else None
    if memory is not None:
        verdict = replace(verdict, advice=_dated(verdict.advice, memory, document.period.end))
    title = words.plain(subject, 200) if subject else verdict.subject
    room = Room()
    while True:
        pictures = _pictures(document, room)
        view = _View(document, verdict, stage, zone, pictures, room)
        if memory is not None and memory.end == document.period.end:
            view.remember(memory)
        context = {"view": view, "title": title, "words": words}
        html = _environment(html=True).get_template("report.html.j2").render(context)
        if len(html.encode()) <= MAX_HTML_BYTES or room == room.halved():
            break
        room = room.halved()
    text = _environment(html=False).get_template("report.txt.j2").render(context)
    return RenderedReport(
        level=verdict.level,
        subject=title,
        html=html,
        text=_EMPTY_LINES.sub("\n\n", text).strip() + "\n",
        csv=csv_files(document),
        memory=None if memory is None else memory.model_dump_json(),
        all_clear=bool(view.cleared) and not verdict.advice,
        draw=lambda: {
            cid: pnl_chart(money.curve, until=document.period.end, currency=money.currency, zone=zone)
            for cid, _, money in pictures
        },
    )


def _memory(document: ReportDocument, verdict: Verdict, remembered: str | None) -> Memory:
    rates = {mode.mode: mode.rates.expected.percent for mode in document.modes}
    return advance(
        read_memory(remembered),
        advice=verdict.advice,
        rates={mode: percent for mode, percent in rates.items() if percent is not None},
        end=document.period.end,
    )


def _dated(advice: Sequence[Advice], memory: Memory, end: datetime) -> list[Advice]:
    known = memory.warnings
    return [
        replace(each, state=state_words(known[each.key].since, end)) if each.key in known else each
        for each in advice
    ]


def _pictures(document: ReportDocument, room: Room) -> list[tuple[str, ModeReport, Money]]:
    """Return the curves that are worth a picture, with a Content-ID for each."""
    curves = [
        (mode, money)
        for mode in document.modes
        for money in mode.money[: room.currencies]
        if money.total.n and len({point.net_pnl for point in money.curve}) > 1
    ]
    return [(f"pnl-{number}", *each) for number, each in enumerate(curves[: room.pictures], start=1)]


@cache
def _environment(*, html: bool) -> Environment:
    # The text part is no markup, and escaping it would show entities to the reader.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=html,  # noqa: S701 - on for the HTML part
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_together if html else None,
    )


def _together(value: object) -> object:
    """Keep a figure and its per cent sign on one line; what is markup already stays as it is."""
    return _BEFORE_PERCENT.sub("\u00a0", value) if type(value) is str else value


_EMPTY_LINES = re.compile(r"\n{3,}")
_BEFORE_PERCENT = re.compile(r"(?<=[0-9]) (?=%)")


@dataclass(frozen=True, slots=True)
class RateTile:
    """One of the three rates."""

    label: str
    percent: str
    counts: str
    note: str
    good: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One disposition: its count, and a bar in per cent of the largest."""

    name: str
    orders: str
    width: int
    note: str
    defect: bool


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order in a table."""

    symbol: str
    side: str
    time: str
    mode: str
    scores: str
    trigger: str
    snapshot: SnapshotName
    disposition: str
    reason: str
    who: str
    order_id: str
    defect: bool
    hint: str


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """One parameter set: what it traded."""

    name: SnapshotName
    orders: str
    sides: str
    bought: Sequence[str]
    sold: Sequence[str]
    fees: Sequence[str]
    note: str


@dataclass(frozen=True, slots=True)
class BotLine:
    """One bot: what became of its orders."""

    name: str
    orders: str
    linked: str
    rest: str
    defect: bool


@dataclass(frozen=True, slots=True)
class ModeView:
    """All of one mode; ``is_named`` where it is not what one expects, and its name is shown though alone."""

    name: str
    is_named: bool
    tiles: Sequence[RateTile]
    bars: Sequence[Bar]
    snapshots: Sequence[SnapshotLine]
    more_snapshots: str
    bots: Sequence[BotLine]
    more_bots: str


class _View:
    """What the templates show, every figure and time as it is to be read."""

    def __init__(
        self,
        document: ReportDocument,
        verdict: Verdict,
        stage: str,
        zone: tzinfo,
        pictures: Sequence[tuple[str, ModeReport, Money]],
        room: Room,
    ) -> None:
        self._zone = zone
        self._room = room
        self._names = name_snapshots(_described(document))
        self.stage = stage
        self.level = verdict.level
        self.level_word = LEVEL_WORDS[verdict.level]
        self.headline = verdict.headline
        self.advice = verdict.advice[: room.advice]
        further = len(verdict.advice) - room.advice
        self.more_advice = f"and {words.plural(further, 'more thing')}" if further > 0 else ""
        start, end = document.period.start, document.period.end
        self.period = words.period_words(start, end, zone)
        self.length = words.length_words(start, end)
        self.read_at = words.day_and_time(document.read_at, zone)
        self.zone_name = end.astimezone(zone).tzname() or "UTC"
        utc = self.zone_name == "UTC"
        self.times_note = (
            "All times are in UTC."
            if utc
            else f"Times are in {self.zone_name}, in the attached CSV files in UTC."
        )
        self.several_modes = len(document.modes) > 1
        self.sums = [
            f"{words.mode_words(mode.mode)}: {line}" if self.several_modes else line
            for mode in document.modes
            for line in filter(None, map(sum_words, mode.money[: room.currencies]))
        ]
        # Silence has no rates: a row of dashes would only look like a table of zeros.
        self.modes = [self._mode(mode) for mode in busy_modes(document)]
        shown = [
            results_of(
                mode,
                self._name,
                zone,
                {money.currency: cid for cid, owner, money in pictures if owner is mode},
                end,
                room,
            )
            for mode in document.modes
        ]
        self.results = [
            each for each in shown if each.money or each.tables or each.execution or each.verdicts
        ]
        self.cleared: list[str] = []
        self.trials = document.trials
        changes = document.changes[: room.changes]
        self.changes = [change_words(each, self._name, zone, room) for each in changes]
        self.more_changes = _more(len(document.changes) - room.changes, "more change", "the ledger")
        self.late = [late_words(each, zone) for each in document.late_orders[: room.late]]
        self.late_total = words.plural(document.late, "order")
        self.linked = [self._order(order) for order in document.linked[: room.linked]]
        self.unlinked = [self._order(order) for order in _worth_telling(document.unlinked, room)]
        without = sum(mode.rates.executed.whole - mode.rates.executed.part for mode in document.modes)
        self.more_unlinked = _more(without - len(self.unlinked), "more order", "orders.csv")
        self.unlinked_first = any(order.defect for order in self.unlinked)
        self.notes = self._notes(document)
        self.liveness = [
            (label, words.day_and_time(moment, zone) if moment else "never")
            for label, moment in (
                ("Last order", document.liveness.last_order_at),
                ("Last signal", document.liveness.last_signal_at),
                ("Last strategy run", document.liveness.last_run_at),
            )
        ]

    def remember(self, memory: Memory) -> None:
        """Add what the report before makes worth saying: what is over, and how the rates have changed."""
        self.cleared = [words.plain(each.brief, 80) for each in memory.cleared]
        for mode, percent in memory.rates.items():
            before = memory.before.get(mode)
            if before is not None and before != percent:
                name = "Expected orders linked" + (f" ({mode})" if self.several_modes else "")
                change = f"{before.removesuffix('.0')} % → {percent.removesuffix('.0')} %"
                self.changes.append(Line("since the last report", name, change))

    def _name(self, snapshot_id: UUID, label: str | None) -> SnapshotName:
        found = self._names.get(snapshot_id)
        return found or SnapshotName(words.plain(label) if label else f"set {str(snapshot_id)[:8]}")

    def _mode(self, mode: ModeReport) -> ModeView:
        room = self._room
        shown = sorted(mode.snapshots, key=lambda each: (-(each.buys + each.sells), str(each.snapshot_id)))
        bots = sorted(mode.bots, key=lambda bot: (-(bot.lost + bot.conflict), -bot.orders, bot.bot_id or ""))
        return ModeView(
            name=words.mode_words(mode.mode),
            is_named=mode.mode not in ("live", "unknown"),
            tiles=_tiles(mode),
            bars=_bars(mode.dispositions),
            snapshots=[self._snapshot(each) for each in shown[: room.snapshots]],
            more_snapshots=_more(
                max(mode.snapshots_total, len(shown)) - room.snapshots, "more set", _snapshots_file(mode)
            ),
            bots=[_bot(each) for each in bots[: room.bots]],
            more_bots=_more(len(bots) - room.bots, "more bot", "orders.csv"),
        )

    def _snapshot(self, each: SnapshotActivity) -> SnapshotLine:
        return SnapshotLine(
            name=self._names[each.snapshot_id],
            orders=words.count(each.buys + each.sells),
            sides=f"{words.plural(each.buys, 'buy')}, {words.plural(each.sells, 'sell')}",
            bought=_amounts((each_.currency, each_.bought) for each_ in each.turnover),
            sold=_amounts((each_.currency, each_.sold) for each_ in each.turnover),
            fees=_amounts((each_.currency, each_.fees) for each_ in each.turnover),
            note=f"{words.plural(each.unpriced, 'order')} without a value" if each.unpriced else "",
        )

    def _order(self, order: OrderRow) -> OrderLine:
        name = SnapshotName("")
        if order.snapshot_id is not None:
            name = self._names[order.snapshot_id]
        return OrderLine(
            symbol=words.plain(order.symbol, 24),
            side=order.side,
            time=words.day_and_time(order.order_time, self._zone),
            mode="" if order.mode in ("live", "unknown") else order.mode,
            scores=_scores(order.buy_score, order.sell_score),
            trigger=words.plain(order.trigger_type or "no trigger"),
            snapshot=name,
            disposition=order.disposition.replace("_", " "),
            reason=words.reason_words(order.disposition, order.reason),
            who=words.plain(_who(order), 24),
            order_id=words.plain(order.order_id, 60),
            defect=order.disposition in DEFECTS,
            hint=f"Perhaps of signal {words.plain(order.hint, 36)}: did the key survive?"
            if order.hint
            else "",
        )

    def _notes(self, document: ReportDocument) -> list[str]:
        notes = [note for note in [lots_note(document, self._zone)] if note]
        if document.late and not self.late:
            notes.append(
                f"{words.plural(document.late, 'order')} of earlier periods came in during this one; "
                "the earlier reports did not have them."
            )
        if document.test_orders:
            notes.append(f"{words.plural(document.test_orders, 'test order')}, in no rate.")
        if document.orders_total > len(document.orders):
            notes.append(
                f"orders.csv holds the latest {words.count(len(document.orders))} of "
                f"{words.count(document.orders_total)} orders."
            )
        return notes


def _worth_telling(orders: Sequence[OrderRow], room: Room) -> list[OrderRow]:
    """Return the defects, and of the others, which need nothing done, the latest few."""
    defects = [order for order in orders if order.disposition in DEFECTS][: room.unlinked]
    others = [order for order in orders if order.disposition not in DEFECTS][: room.harmless]
    return defects + others


def _described(document: ReportDocument) -> list[Described]:
    found: dict[Any, Described] = {}
    for change in document.changes:
        found[change.snapshot_id] = Described(change.snapshot_id, change.label, change.strategy)
        if change.before is not None:
            found.setdefault(change.before, Described(change.before, change.before_label, change.strategy))
    for mode in document.modes:
        for row in mode.comparisons:
            for side in (row.one, row.reference):
                found[side.snapshot_id] = Described(side.snapshot_id, side.label, side.strategy)
    for order in [*document.unlinked, *document.linked]:
        if order.snapshot_id is not None:
            found.setdefault(order.snapshot_id, Described(order.snapshot_id, order.snapshot_label))
    for mode in document.modes:
        for each in mode.snapshots:
            found[each.snapshot_id] = Described(each.snapshot_id, each.label, each.strategy, each.parameters)
    return list(found.values())


def _tiles(mode: ModeReport) -> list[RateTile]:
    rates = mode.rates
    pending = f"{words.count(rates.pending)} pending, apart" if rates.pending else "none pending"
    return [
        RateTile(
            "Expected orders linked", *_rate(rates.expected), pending, not (rates.lost or rates.conflict)
        ),
        RateTile("All executed orders linked", *_rate(rates.executed), "manual orders included", True),
        RateTile(
            "Signals that became an order",
            *_rate(rates.signals),
            f"{words.count(rates.signals_suppressed)} suppressed, apart"
            if rates.signals_suppressed
            else "of those sent",
            True,
        ),
    ]


def _rate(rate: Rate) -> tuple[str, str]:
    counts = f"{words.count(rate.part)} of {words.count(rate.whole)}"
    if rate.percent is None:
        return words.NOTHING, "none to count"
    return f"{rate.percent.removesuffix('.0')} %", counts


def _bars(dispositions: Sequence[DispositionCount]) -> list[Bar]:
    total: dict[str, int] = {}
    for each in dispositions:
        total[each.disposition] = total.get(each.disposition, 0) + each.orders
    largest = max(total.values(), default=1)
    return [
        Bar(
            name=name.replace("_", " "),
            orders=words.count(total[name]),
            width=max(1, round(100 * total[name] / largest)),
            note=words.DISPOSITION_WORDS[name],
            defect=name in DEFECTS,
        )
        for name in _ORDER_OF_DISPOSITIONS
        if name in total
    ]


def _bot(bot: BotCount) -> BotLine:
    rest = [
        f"{words.count(value)} {name}"
        for name, value in (
            ("lost", bot.lost), ("conflict", bot.conflict), ("pending", bot.pending), ("other", bot.other)
        )
        if value
    ]  # fmt: skip
    return BotLine(
        name=words.plain(bot.bot_id) if bot.bot_id else "no registered bot",
        orders=words.count(bot.orders),
        linked=words.count(bot.linked),
        rest=", ".join(rest) or words.NOTHING,
        defect=bool(bot.lost or bot.conflict),
    )


def _amounts(pairs: Any) -> list[str]:
    shown = [f"{words.money(value)} {words.plain(currency, 12)}" for currency, value in pairs if value]
    return shown or [words.NOTHING]


def _who(order: OrderRow) -> str:
    # What nobody's bot decided is not the doing of the bot that trades on the same account.
    if order.disposition == "external":
        return order.origin or "no bot of yours"
    return order.bot_id or order.origin or "nobody known"


def _scores(buy: Decimal | None, sell: Decimal | None) -> str:
    return f"buy {words.number(buy)} · sell {words.number(sell)}"


def _snapshots_file(mode: ModeReport) -> str:
    # With more sets than a report can carry, only the ledger has them all.
    return "parameter_sets.csv" if mode.snapshots_total <= len(mode.snapshots) else "the ledger"


def _more(number: int, what: str, file: str) -> str:
    return f"and {words.plural(number, what)} in {file}" if number > 0 else ""
