"""``linkage backtest`` and ``linkage trials``: parameters on candles of the past, without AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.cloud import PROBLEM, Cloud, CommandError, JsonOption, cloud_of
from cli.output import print_json, print_table, say
from cli.period import utc
from local.backtest.trials import read_trials, save_trial, trials_file

if TYPE_CHECKING:
    from local.backtest.history import History
    from local.backtest.ledger import OwnLedger
    from local.backtest.run import Outcome
    from local.backtest.trading import Progress

REFERENCE = "strategies.matrix.strategy:MATRIX"
TRIALS_PER_REQUEST = 200
"""A trial is about a kilobyte."""


def backtest(
    candles: Annotated[Path, typer.Option(help="Folder of candle files, BASE-QUOTE_5m.csv.gz.")],
    params: Annotated[
        Path | None, typer.Option(help="Parameters, TOML or JSON. Default: the strategy's defaults.")
    ] = None,
    arm: Annotated[str | None, typer.Option(help="Arm, where the document has several.")] = None,
    symbols: Annotated[
        str, typer.Option(help="Symbols, as in a stage's setting: BTC-USD,ETH-USD or quote:USD.")
    ] = "*",
    since: Annotated[
        datetime | None, typer.Option("--from", help="Start: the first decision, e.g. 2018-01-15 (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="End: no decision from then on (UTC).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, report.txt, report.json and CSV files.")
    ] = None,
    venue: Annotated[
        Path | None, typer.Option(help="Rules of the paper venue, TOML: fees, spread, slippage…")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the paper venue's random choices.")] = 1,
    strategy: Annotated[str, typer.Option(help="Import path of the strategy.")] = REFERENCE,
    keep: Annotated[bool, typer.Option("--keep", help="Keep its ledger up until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try parameters on candle files, bar by bar. Exit code 1 when a trade is not linked."""
    # `linkage trials` does not wait for numpy and Jinja.
    from linkage.domain.paper import Rules
    from linkage.strategy.plugin import load_strategy
    from local.backtest.history import Request, open_history, parse_rules
    from local.backtest.ledger import own_ledger
    from local.backtest.run import files_of

    history = open_history(
        Request(
            folder=candles,
            strategy=load_strategy(strategy),
            document=None if params is None else _text(params, "--params"),
            arm=arm,
            symbols=symbols,
            start=None if since is None else utc(since),
            end=None if until is None else utc(until),
            rules=Rules() if venue is None else parse_rules(_text(venue, "--venue")),
            seed=seed,
        )
    )
    began = time.monotonic()
    with own_ledger() as ledger:
        outcome = _run(history, ledger)
        if out is not None:
            _write(files_of(outcome), out)
        _print(outcome, as_json=as_json)
        say(f"{_size(history)} in {time.monotonic() - began:.0f} s")
        if out is not None:
            say(f"Wrote {out / 'report.html'}")
        if keep:
            _wait(ledger)
    if not outcome.all_linked:
        raise typer.Exit(PROBLEM)


def _size(history: History) -> str:
    return f"{len(history.candles.symbols)} symbols × {history.bars} bars"


def _run(history: History, ledger: OwnLedger) -> Outcome:
    from local.backtest.run import run

    with _progress() as progress:
        outcome = run(history, ledger, progress, tried_at=datetime.now(UTC))
    save_trial(outcome.trial, trials_file())
    return outcome


def trials(
    context: typer.Context,
    record: Annotated[
        bool,
        typer.Option("--record", help="Record them in the stage's ledger: its verdicts allow for them."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List every parameter set that was ever tried here."""
    tried = read_trials(trials_file())
    documents = [trial.document() for trial in tried]
    if record:
        _record(documents, cloud_of(context), as_json=as_json)
        return
    if as_json:
        print_json(documents)
        return
    print_table(
        ("parameters", "data", "from", "to", "trades", "net"),
        [
            (
                trial.label or trial.params_hash[:8], trial.data_hash[:8], f"{trial.start:%Y-%m-%d}",
                f"{trial.end:%Y-%m-%d}", trial.result.get("executed"), _net(trial.result),
            )
            for trial in tried
        ],
    )  # fmt: skip
    sets = {trial.params_hash for trial in tried}
    say(f"Parameter sets: {len(sets)}, in {len(tried)} trials. They are stored in {trials_file()}")


def _record(trials: Sequence[Mapping[str, Any]], cloud: Cloud, *, as_json: bool) -> None:
    new = 0
    for start in range(0, len(trials), TRIALS_PER_REQUEST):
        new += cloud.invoke("SweepFunction", {"trials": trials[start : start + TRIALS_PER_REQUEST]})["new"]
    if as_json:
        print_json({"trials": len(trials), "new": new})
    else:
        say(f"The ledger of {cloud.stage} has all {len(trials)} trials; {new} of them are new.")


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(outcome.trial.document())
        return
    typer.echo(outcome.report.text, nl=False)
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
def _progress() -> Iterator[Progress]:
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description:18}"),
        rich.BarColumn(bar_width=24),
        rich.TextColumn("{task.percentage:3.0f} %"),
    )
    times = (rich.TimeElapsedColumn(), rich.TimeRemainingColumn())
    with rich.Progress(*columns, *times, console=Console(stderr=True)) as bars:
        tasks: dict[str, rich.TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def _wait(ledger: OwnLedger) -> None:
    say(f"The ledger is up until Ctrl-C: psql '{ledger.dsn('sql_reader')}'")
    try:
        while ledger.server.pid:
            time.sleep(1)
    except KeyboardInterrupt:
        say("The ledger is removed.")


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
