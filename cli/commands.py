"""The commands of `linkage`: where each is, and the line that stands for it in the list.

A command's module is imported when the command is chosen, so that ``linkage --help`` starts at once and no
command waits for what another one needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import TyperInfo


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, or one group of commands, directly under `linkage`.

    Attributes:
        module: below ``cli``.
        target: the command's function, or ``app``, the group's ``typer.Typer``.
        summary: first sentence of its docstring or help; a test compares the two.
    """

    name: str
    module: str
    target: str
    summary: str


COMMANDS: Sequence[Entry] = (
    Entry("rate", "rate", "rate", "Show the three linkage rates."),
    Entry("report", "report", "report", "Show a period's report; with --send, mail it too."),
    Entry("trace", "trace", "trace", "Show an order's parameters, scores, signal, fills and link."),
    Entry("sql", "sql", "sql", "Run one SQL statement, read only."),
    Entry("export", "export", "export", "Write closed lots with their parameters, a row for each."),
    Entry("import", "events", "import_events", "Import fills and order events from a file."),
    Entry("verify", "verify", "verify", "Compute everything afresh from the facts and compare."),
    Entry("backtest", "backtest", "backtest", "Try parameters on candle files, bar by bar."),
    Entry("trials", "backtest", "trials", "List every parameter set that was ever tried here."),
    Entry("params", "params", "app", "Show, change and compare the strategy's parameters."),
    Entry("bot", "bot", "app", "Register bots and their tokens."),
    Entry("local", "local", "app", "Run the whole product on this machine, without AWS."),
    Entry("deploy", "deploy", "deploy", "Deploy a stage to AWS, or bring it up to date."),
    Entry("destroy", "deploy", "destroy", "Remove a stage from AWS."),
    Entry("smoke", "smoke", "smoke", "Check a deployed stage from outside; it changes nothing."),
    Entry("switch", "switch", "app", "Turn linking off and on; trades are recorded all the same."),
    Entry("quarantine", "quarantine", "app", "List, show, retry and dismiss quarantined events."),
    Entry("relink", "repair", "relink", "Resolve again the link of every order recorded since a time."),
    Entry("redrive", "repair", "redrive", "Move the dead letters of the fills queue back into it."),
    Entry("secret", "secret", "app", "Rotate the keys of the signed route."),
)

_ENTRIES = {entry.name: entry for entry in COMMANDS}


def load_command(entry: Entry) -> Any:
    """Import a command's module and return the command, or the group, that is in it."""
    target = getattr(import_module(f"cli.{entry.module}"), entry.target)
    if isinstance(target, typer.Typer):
        return typer.main.get_group_from_info(
            TyperInfo(target, name=entry.name),
            pretty_exceptions_short=False,
            rich_markup_mode=None,
            suggest_commands=True,
        )
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(entry.name, cls=PlainCommand)(target)
    return typer.main.get_command(single)


class PlainValues:
    """A command that takes absent options and texts as they are.

    Typer imports pydantic, which takes as long as everything else here, to convert the value of any option
    that was not given a flag: also one that is absent, and a text to a text.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's options and arguments."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if "process_value" not in vars(parameter):
                parameter.process_value = partial(_plain_or_converted, parameter, parameter.process_value)
        return parameters


def _plain_or_converted(parameter: Any, convert: Callable[..., Any], ctx: Any, value: Any) -> Any:
    single = parameter.nargs == 1 and not parameter.multiple
    absent = value is None and not parameter.required
    text = isinstance(value, str) and parameter.type_descriptor.annotation is str
    if not (single and (absent or text)):
        return convert(ctx, value)
    return value if parameter.callback is None else parameter.callback(ctx, parameter, value)


class PlainCommand(PlainValues, TyperCommand):
    """One command."""


class LazyGroup(PlainValues, TyperGroup):
    """A group that lists its commands from the table above, and imports the one that is chosen."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for entry in COMMANDS:
            self.add_command(TyperCommand(entry.name, help=entry.summary, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the chosen command itself instead of its line in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(_ENTRIES[name]) if name in _ENTRIES else command, rest
