"""What became of the orders of each bot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.report.rendering import formatting
from functions.report.rendering.limits import SectionLimits
from functions.report.rendering.section import ReportContext, Section
from linkage.contracts.report import BotCount, ModeReport


@dataclass(frozen=True, slots=True)
class Limits(SectionLimits):
    """How much of it is shown."""

    bots: int = 12


@dataclass(frozen=True, slots=True)
class BotLine:
    """One bot: what became of its orders."""

    name: str
    orders: str
    linked: str
    not_linked: str
    defect: bool


@dataclass(frozen=True, slots=True)
class ModeBots:
    """The bots of one mode."""

    mode: str
    bots: Sequence[BotLine]
    more: str


def build(context: ReportContext, limits: Limits) -> Sequence[ModeBots] | None:
    """Return the bots by mode, those with defects first; None where none traded."""
    return [_mode(mode, context, limits) for mode in context.document.modes if mode.bots] or None


def _mode(mode: ModeReport, context: ReportContext, limits: Limits) -> ModeBots:
    bots = sorted(mode.bots, key=lambda bot: (-(bot.lost + bot.conflict), -bot.orders, bot.bot_id or ""))
    return ModeBots(
        mode=context.mode_label(mode),
        bots=[_bot(bot) for bot in bots[: limits.bots]],
        more=formatting.more(len(bots) - limits.bots, "more bot", file="orders.csv"),
    )


def _bot(bot: BotCount) -> BotLine:
    counts = {"lost": bot.lost, "conflict": bot.conflict, "pending": bot.pending, "other": bot.other}
    not_linked = [f"{formatting.count(number)} {name}" for name, number in counts.items() if number]
    return BotLine(
        name=formatting.plain(bot.bot_id) if bot.bot_id else formatting.OTHER_ORDERS,
        orders=formatting.count(bot.orders),
        linked=formatting.count(bot.linked),
        not_linked=", ".join(not_linked) or formatting.NOTHING,
        defect=bool(bot.lost or bot.conflict),
    )


SECTION = Section("bots", build, Limits())
