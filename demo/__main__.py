"""``python -m demo``: deploy to a local cloud, replay a market, link every trade."""

from __future__ import annotations

import argparse
import fcntl
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.bot import Registration, register
from demo import foreign, sources
from demo.foresight import Deployment
from demo.market import Candles, prepare
from demo.outcome import Summary, draft_of, judge, send_report, write_report, write_summary
from demo.plan import Plan, make_plan
from demo.replay import Counts, Replay
from demo.stage import DemoError, Stage
from demo.truth import Notebook, notebook
from functions.report.rendering.images import images_of
from infra.folders import ROOT, local_directory, output_directory
from linkage.domain.errors import LinkageError
from local.cloud import LocalCloud
from local.deploy import StageOptions
from local.mailbox import read_mailbox

RECIPIENT = "trader@example.com"
INTERRUPTED = 130
FEWEST_BARS = 24
SIMULATED_BARS = 120
REAL_BARS = 160
"""A real market is calmer than the simulated one, and needs longer for as many orders."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--candles", type=Path, help="folder of BASE-QUOTE_5m.csv.gz files to replay")
    source.add_argument("--exchange", help="an exchange whose public candles are replayed, by CCXT's name")
    parser.add_argument("--keep", action="store_true", help="leave the local cloud running")
    parser.add_argument(
        "--bars",
        type=_bars,
        help=f"how many 5-minute bars; default: {SIMULATED_BARS}, {REAL_BARS} of candle files",
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="of the simulation, the foreign bot and the order of deliveries"
    )
    options = parser.parse_args(arguments)
    if options.bars is None:
        options.bars = SIMULATED_BARS if options.candles is None else REAL_BARS
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration and return its exit code: 0 when every link is right."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    console = Console(highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first
        signal.signal(number, _interrupt)
    try:
        summary = Demonstration(options, console).run()
    except KeyboardInterrupt:
        console.print("interrupted; nothing is left running")
        return INTERRUPTED
    except (LinkageError, DemoError, foreign.UnexpectedReplyError) as error:
        console.print(f"[bold red]failed[/]: {error}", soft_wrap=True)
        return 1
    show(summary, console)
    return 0 if summary.is_good else 1


class Demonstration:
    """One demonstration, from the market to the summary.

    Args:
        options: of the command line.
        console: where its progress is printed.
    """

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._started = time.monotonic()

    def run(self) -> Summary:
        """Do everything; whatever happens, only what was asked to stay stays."""
        workspace = local_directory() / "demo"
        now = datetime.now(UTC)
        candles, source = self._candles(now)
        with _only_one(workspace):
            return self._demonstrate(candles, source, now, workspace)

    def _demonstrate(self, candles: Candles, source: str, now: datetime, workspace: Path) -> Summary:
        options = self._options
        market = prepare(candles, workspace / "market", source=source, now=now, bars=options.bars)
        self._say(f"market: {source}")
        self._say(f"        {', '.join(market.symbols)}; {len(market.runs)} bars of 5 minutes")
        with draft_of(target(), workspace) as draft, notebook(draft / "truth.jsonl") as book:
            plan = make_plan(market, Deployment(), seed=options.seed)
            plan.note(book)
            noted = f"{len(book.decisions)} decisions and {len(book.orders)} orders"
            self._say(f"truth:  {noted}, noted before the first post")
            deployed = StageOptions(market=f"files:{market.folder.resolve()}", recipients=(RECIPIENT,))
            with LocalCloud.up(options=deployed, progress=self._say) as cloud:
                stage = Stage(cloud.state)
                with foreign.receiver() as behind:
                    summary = self._replay(stage, plan, book, behind, draft)
                if options.keep:
                    self._keep(cloud, stage)
                stage.cloud.close()
            return summary

    def _replay(
        self, stage: Stage, plan: Plan, book: Notebook, behind: foreign.Receiver, draft: Path
    ) -> Summary:
        options = self._options
        began = time.monotonic()
        self._say(f"deployed in {stage.state.deploy_seconds:.0f} s")
        replay = Replay(stage, plan, behind, seed=options.seed)
        replay.register_foreign_bot()
        columns = (BarColumn(bar_width=16), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[counts]}"), console=self._console) as progress:
            task = progress.add_task("replay", total=len(plan.market.runs), counts="")
            replay.run(lambda counts: progress.update(task, advance=1, counts=_formatted(counts)))
        self._say("waiting until everything is processed")
        replay.finish()
        withheld_before = replay.disposition_of_withheld()
        problems = [*replay.surprises, *replay.forward_differences()]
        if withheld_before not in ("pending", "lost"):
            problems.append(f"the order without its signal was {withheld_before}, not pending")
        replay.post_withheld_signal()
        replay.sweep()
        if letters := stage.dead_letters():
            problems.append(f"{letters} messages are in the dead-letter queue")
        replay_seconds = time.monotonic() - began
        self._say("comparing each link with the truth, mailing the report")
        summary = judge(
            stage,
            plan,
            book,
            problems=problems,
            duplicates=replay.counts.duplicates,
            withheld_before=withheld_before,
            seconds={
                "deploy": stage.state.deploy_seconds,
                "replay": replay_seconds,
                "total": time.monotonic() - self._started,
            },
        )
        report = send_report(stage, plan, recipient=RECIPIENT)
        mails = [mail for mail in read_mailbox(stage.state) if RECIPIENT in mail.recipients]
        if not mails:
            raise DemoError("the report was sent, but no mail arrived in the local mailbox")
        write_report(draft, report, mails[-1].as_message(images_of(report)))
        write_summary(draft, summary)
        return summary

    def _candles(self, now: datetime) -> tuple[Candles, str]:
        options = self._options
        if options.candles is not None:
            return sources.from_folder(options.candles)
        if options.exchange is not None:
            return sources.from_exchange(options.exchange, bars=options.bars, now=now)
        return sources.from_simulation(options.seed, bars=options.bars)

    def _keep(self, cloud: LocalCloud, stage: Stage) -> None:
        wanted = Registration(
            name="yours", source="bottrader", venue="coinbase", account="yours", mode="paper"
        )
        _, token = register(stage.bots, wanted, now=stage.clock.now())
        post = {
            "timestamp": int(stage.clock.now().timestamp() * 1000),
            "pair": "AVNT-USD",
            "order_id": "2f200136-48c6-438c-855b-f4ef30e64cf8",
            "action": "buy",
            "side": "buy",
            "order_amount_fiat": 20.0,
            "limit_price": 0.4295,
            "snapshot_id": str(foreign.SNAPSHOTS[0]),
        }
        cloud.detach()
        self._say(f"the cloud is still up at {stage.cloud.api_url}; stop it with: linkage local down")
        self._console.print(
            f"curl -sS {stage.cloud.api_url}/webhook -H 'Authorization: Bearer {token}' "
            f"-H 'Content-Type: application/json' -d '{json.dumps(post)}'",
            soft_wrap=True,
            markup=False,
        )

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        self._console.print(f"{seconds:6.1f} s  {text}", soft_wrap=True, markup=False)


def show(summary: Summary, console: Console) -> None:
    """Print the summary as a short table."""
    table = Table("", "", show_header=False, box=None, pad_edge=False)
    scope = f"{summary.symbols} symbols and {summary.bots} bots"
    times = (summary.deploy_seconds, summary.replay_seconds, summary.total_seconds)
    rows = [
        ("strategy orders", f"{summary.strategy_orders} over {scope}"),
        (
            "linked",
            f"{summary.linked} ({summary.linkage_rate:.1%}), {summary.bracket_children} of them by parent",
        ),
        ("wrong links", f"{summary.wrong_links}"),
        ("recomputed", f"{summary.recomputed} of {summary.own_links}, from snapshot and candles"),
        ("pending, lost, conflict", f"{summary.pending}, {summary.lost}, {summary.conflict}"),
        ("external", f"{summary.external} placed by hand"),
        ("by trigger", _listed(summary.triggers)),
        ("partial fills, cumulative", f"{summary.partial_fills}, {summary.cumulative_events}"),
        ("rejected, replaced", f"{summary.own_refused}, {summary.replaced}"),
        ("signals suppressed", f"{summary.suppressed}"),
        ("duplicate deliveries", f"{summary.duplicates}"),
        ("signals, fills, snapshots", f"{summary.signals}, {summary.fills}, {summary.snapshots}"),
        ("market", summary.market),
        ("deploy, replay, total", ", ".join(f"{seconds:.0f} s" for seconds in times)),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print()
    console.print(table)
    for problem in [*summary.problems, *(f"there were no {what}" for what in summary.absent)]:
        console.print(f"  [red]{problem}[/]", soft_wrap=True)
    verdict = (
        "[bold green]every link is right[/]" if summary.is_good else "[bold red]not every check passed[/]"
    )
    report, figures = (_shown(target() / name) for name in ("report.html", "summary.json"))
    console.print(f"\n{verdict}; see {report} and {figures}")


def target() -> Path:
    """Return where the report and the summary of a demonstration go."""
    return output_directory() / "demo"


@contextmanager
def _only_one(workspace: Path) -> Iterator[None]:
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demonstration is running in {workspace}") from None
        yield


def _bars(text: str) -> int:
    bars = int(text)
    if bars < FEWEST_BARS:
        raise argparse.ArgumentTypeError(f"at least {FEWEST_BARS}, so that everything can happen once")
    return bars


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _formatted(counts: Counts) -> str:
    return (
        f"{counts.signals} signals, {counts.foreign_orders} foreign, "
        f"{counts.manual_orders} manual, {counts.duplicates} duplicates"
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
