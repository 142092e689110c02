"""``linkage backtest`` and ``linkage trials``: parameters on candles of the past, without AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from local.backtest.trials import keep_trial, read_trials, trials_file

if TYPE_CHECKING:
    from local.backtest.ledger import OwnLedger
    from local.backtest.run import Outcome
    from local.backtest.trading import Told

REFERENCE = "strategies.matrix.strategy:MATRIX"
TOLD_AT_ONCE = 200
"""Trials in one request; each is about a kilobyte."""


def backtest(
    candles: Annotated[Path, typer.Option(help="Folder of BASE-QUOTE_5m.csv.gz files.")],
    params: Annotated[
        Path | None, typer.Option(help="TOML or JSON of parameters; without it the defaults.")
    ] = None,
    arm: Annotated[str | None, typer.Option(help="Which set, where the document has several.")] = None,
    symbols: Annotated[
        str, typer.Option(help="Which of the folder's: BTC-USD,ETH-USD, or quote:USD; a stage's setting.")
    ] = "*",
    since: Annotated[
        datetime | None, typer.Option("--from", help="First decision, e.g. 2018-01-15 (UTC).")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="No decision from then on (UTC).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, report.txt, report.json and the CSV files.")
    ] = None,
    venue: Annotated[
        Path | None, typer.Option(help="TOML of how the venue behaves: fees, spread, slippage…")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what the venue leaves to chance.")] = 1,
    strategy: Annotated[str, typer.Option(help="Import path of the strategy.")] = REFERENCE,
    keep: Annotated[bool, typer.Option("--keep", help="Leave its ledger up until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try parameters on candle files, bar by bar. Exit code 1 when a trade is not linked."""
    # The other commands do not wait for numpy, SQLAlchemy and Jinja.
    from linkage.domain.paper import Rules
    from linkage.strategy.plugin import load_strategy
    from local.backtest.history import Request, open_history, parse_rules
    from local.backtest.ledger import own_ledger
    from local.backtest.run import files_of, run

    history = open_history(
        Request(
            folder=candles,
            strategy=load_strategy(strategy),
            document=None if params is None else _text(params, "--params"),
            arm=arm,
            symbols=symbols,
            start=_utc(since),
            end=_utc(until),
            rules=Rules() if venue is None else parse_rules(_text(venue, "--venue")),
            seed=seed,
        )
    )
    began = time.monotonic()
    with own_ledger() as ledger:
        with _progress() as told:
            outcome = run(history, ledger, told, tried_at=datetime.now(UTC))
        keep_trial(outcome.trial, trials_file())
        if out is not None:
            _write(files_of(outcome), out)
        if as_json:
            print_json(outcome.trial.document())
        else:
            typer.echo(outcome.report.text, nl=False)
            _summarise(outcome)
        seconds = time.monotonic() - began
        say(f"{len(history.candles.symbols)} symbols × {history.bars} bars in {seconds:.0f} s")
        if out is not None:
            say(f"Wrote {out / 'report.html'}")
        if keep:
            _wait(ledger)
    if not outcome.all_linked:
        raise typer.Exit(PROBLEM)


def trials(
    context: typer.Context,
    tell: Annotated[
        bool,
        typer.Option("--tell", help="Let the stage's ledger know of them: its verdicts allow for them."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List every parameter set that was ever tried here."""
    found = read_trials(trials_file())
    if tell:
        _tell([each.document() for each in found], cloud_of(context), as_json=as_json)
        return
    if as_json:
        print_json([each.document() for each in found])
        return
    print_table(
        ("parameters", "data", "from", "to", "trades", "net"),
        [
            (
                each.label or each.params_hash[:8], each.data_hash[:8], f"{each.start:%Y-%m-%d}",
                f"{each.end:%Y-%m-%d}", each.result.get("executed"), _net(each.result),
            )
            for each in found
        ],
    )  # fmt: skip
    sets = {each.params_hash for each in found}
    say(f"Parameter sets: {len(sets)}, in {len(found)} trials. They are kept in {trials_file()}")


def _tell(told: Sequence[Mapping[str, Any]], cloud: Cloud, *, as_json: bool) -> None:
    new = 0
    for start in range(0, len(told), TOLD_AT_ONCE):
        new += cloud.invoke("SweepFunction", {"trials": told[start : start + TOLD_AT_ONCE]})["new"]
    if as_json:
        print_json({"trials": len(told), "new": new})
    else:
        say(f"The ledger of {cloud.stage} knows all {len(told)} trials; {new} of them were new to it.")


def _summarise(outcome: Outcome) -> None:
    result = outcome.result
    print_table(
        ("backtest", ""),
        [
            ("signals", f"{result['signals']}, {sum(result['suppressed'].values())} held back by guardrails"),
            ("trades linked", f"{result['linked']} of {result['executed']}"),
            ("episodes", _episodes(result["episodes"])),
            ("by trigger", ", ".join(f"{name} {count}" for name, count in result["by_trigger"].items())),
            *((f"net {quote}", f"{money['net']} after fees of {money['fees']}, {money['held']} still held")
              for quote, money in result["money"].items()),
            ("parameters", outcome.trial.params_hash[:8]),
            ("candles and venue", outcome.trial.data_hash[:8]),
        ],
    )  # fmt: skip


def _episodes(counts: Mapping[str, int]) -> str:
    return "{closed} from flat to flat: {won} won, {lost} lost; {open} open".format_map(counts)


def _net(result: object) -> str:
    money = result.get("money", {}) if isinstance(result, dict) else {}
    return ", ".join(f"{float(amounts['net']):.4g} {quote}" for quote, amounts in money.items())


@contextmanager
def _progress() -> Iterator[Told]:
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:3.0f} %"),
    )
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield told


def _wait(ledger: OwnLedger) -> None:
    say(f"The ledger is up until Ctrl-C: psql '{ledger.dsn('sql_reader')}'")
    try:
        while ledger.server.pid:
            time.sleep(1)
    except KeyboardInterrupt:
        say("The ledger is gone.")


def _write(files: Mapping[str, str | bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        encoded = content.encode() if isinstance(content, str) else content
        (folder / Path(name).name).write_bytes(encoded)


def _text(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{option}: {path} cannot be read: {error}") from None


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
