"""Replays a market bar by bar through the deployed functions, with late, repeated and manual orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.bot import Registration, register
from demo import foreign
from demo.disorder import Deliveries
from demo.plan import Plan
from demo.stage import DemoError, Stage
from linkage.adapters.postgres.statements import statement
from linkage.domain.canonical import iso_utc
from strategies.matrix.strategy import MATRIX

QUIET_SECONDS = 90.0
POLL_SECONDS = 0.25
KEY_PATTERN = "^[0-9a-f]{32}$"
"""What the foreign bot's keys look like to us: a UUID without its hyphens."""
_SOME_FILLS = statement(__file__, "some_fills")


@dataclass(slots=True)
class Counts:
    """What a replay did so far; the progress bar shows it."""

    runs: int = 0
    signals: int = 0
    foreign_orders: int = 0
    manual_orders: int = 0
    duplicates: int = 0


class Replay:
    """One replay of a plan.

    Args:
        stage: where it happens.
        plan: what happens; its truth has been written down.
        behind: the foreign bot's receiver.
        seed: of the disorder of deliveries.

    Attributes:
        counts: what was done so far.
        surprises: signals of our own strategy that were not foreseen, or did not come.
    """

    def __init__(self, stage: Stage, plan: Plan, behind: foreign.Receiver, *, seed: int) -> None:
        self.stage = stage
        self.plan = plan
        self.counts = Counts()
        self.surprises: list[str] = []
        self._behind = behind
        self._deliveries = Deliveries(stage.queue, seed=seed)
        self._token = ""
        self._repeated_posts = 0
        self._keys = plan.keys()

    def register_foreign_bot(self) -> None:
        """Register the second bot as its owner would with `linkage bot add`."""
        wanted = Registration(
            name=foreign.BOT,
            source="bottrader",
            venue=foreign.VENUE,
            account=foreign.ACCOUNT,
            mode="paper",
            # Its owner trades on that account too: only orders with keys of its form have to have a signal.
            expects_signals="mixed",
            client_id_pattern=KEY_PATTERN,
            forward_url=self._behind.url,
            insecure=True,
            linked_since=self.plan.market.runs[0] - timedelta(days=1),
        )
        _, self._token = register(self.stage.bots, wanted, now=self.stage.clock.now(), loopback=True)

    def run(self, report_progress: Callable[[Counts], None]) -> None:
        """Replay every run of the plan, in order.

        Args:
            report_progress: is called after each run.
        """
        document = ""
        # All of them start at once at each scheduled time, as EventBridge Scheduler does it.
        with ThreadPoolExecutor(max_workers=3) as pool:
            for run in self.plan.market.runs:
                if self.plan.documents[run] != document:
                    document = self.plan.documents[run]
                    self.stage.set_parameters(document)
                moves = [
                    pool.submit(self._strategy, run),
                    pool.submit(self._invoke_at, "BrokerExecuteOrdersFunction", run),
                    pool.submit(self._others, run),
                ]
                for move in moves:
                    move.result()
                report_progress(self.counts)

    def finish(self) -> None:
        """Deliver what is still held back, let the broker finish, and wait until everything is processed.

        Raises:
            DemoError: it is not processed in time.
        """
        last = self.plan.market.runs[-1]
        self._deliveries.deliver(all_of_them=True)
        wait_until("each signal has its order", lambda: self._all_placed(last))
        self._quiet()
        self._deliveries.repeat(self._some_fills_again())
        self._deliveries.deliver(all_of_them=True)
        self._count_duplicates()
        self._quiet()

    def disposition_of_withheld(self) -> str | None:
        """Return the disposition of the order whose signal is withheld."""
        order_id = self.plan.withheld.order.order_id
        rows = self.stage.query(
            f"SELECT disposition FROM order_dispositions WHERE order_id = '{order_id}'"  # noqa: S608
        )
        return str(rows[0]["disposition"]) if rows else None

    def post_withheld_signal(self) -> None:
        """Post the signal that was withheld, and wait until its order is linked.

        Raises:
            DemoError: the API refuses it, or no link comes.
        """
        withheld = self.plan.withheld
        decision, key = withheld.foreseen.decision, withheld.client_order_id
        document = {
            "client_order_id": key,
            "snapshot_id": str(withheld.foreseen.snapshot_id),
            "venue": self.plan.deployment.venue,
            "account": withheld.order.account,
            "strategy": MATRIX.name,
            "symbol": decision.symbol,
            "side": decision.side,
            "trigger": decision.trigger,
            "buy_score": str(decision.buy_score),
            "sell_score": str(decision.sell_score),
            "indicators_fired": list(decision.fired),
            "indicator_breakdown": decision.breakdown,
            "price": str(decision.price),
            "quantity": None if decision.quantity is None else str(decision.quantity),
            "notional": None if decision.notional is None else str(decision.notional),
            "origin": "strategy",
            "signalled_at": iso_utc(decision.decided_at),
            "bar_time": iso_utc(decision.bar_time),
        }
        reply = self.stage.api.post_signed("/v1/signals", document)
        if reply.status != 200:
            raise DemoError(f"the withheld signal was answered {reply.status}: {dict(reply.document)}")
        wait_until("the withheld order is linked", lambda: self.disposition_of_withheld() == "linked")

    def sweep(self) -> None:
        """Run the recorder's two schedules once."""
        self.stage.invoke("SweepFunction", {})
        self.stage.invoke("MaintainFunction", {})

    def forward_differences(self) -> list[str]:
        """Return what the foreign bot's receiver did not get exactly once and unchanged."""
        return self._behind.differences(foreign.all_trades(self.plan.foreign))

    def _others(self, run: datetime) -> None:
        if run == self.plan.withheld.foreseen.run:
            self._deliveries.add(self.plan.withheld.order.events())
        for trade in self.plan.foreign.get(run, ()):
            self._repeated_posts += foreign.act(trade, self.stage.api, self._token)
            self.counts.foreign_orders += 1
        for order in self.plan.manual.get(run, ()):
            self._deliveries.add(order.events())
            self.counts.manual_orders += 1
        self._deliveries.deliver()
        self._count_duplicates()

    def _count_duplicates(self) -> None:
        self.counts.duplicates = self._repeated_posts + self._deliveries.duplicates

    def _strategy(self, run: datetime) -> None:
        reply = self._invoke_at("SighookFunction", run)
        if reply["run"] != "completed":
            raise DemoError(f"the run of {iso_utc(run)} was skipped: {reply.get('reason')}")
        keys, foreseen = set(reply["keys"]), self._keys[run]
        self.surprises += [f"{iso_utc(run)}: signal {key} was not foreseen" for key in keys - foreseen]
        self.surprises += [f"{iso_utc(run)}: signal {key} was not sent" for key in foreseen - keys]
        self.counts.signals += len(keys)
        self.counts.runs += 1

    def _invoke_at(self, output_name: str, run: datetime) -> Any:
        return self.stage.invoke(output_name, {"scheduled_time": iso_utc(run)})

    def _all_placed(self, last: datetime) -> bool:
        """Invoke the broker; return whether it has placed an order, or a rejected one, for each signal."""
        self._invoke_at("BrokerExecuteOrdersFunction", last)
        rows = self.stage.query(
            "SELECT count(*) AS placed FROM trade_records WHERE key_is_ours AND event_count > 0"
        )
        withheld = 1
        return int(rows[0]["placed"]) >= self.counts.signals + withheld

    def _quiet(self) -> None:
        wait_until("the queue is empty", lambda: self.stage.queue_depth() == 0)
        wait_until("the ledger has what the table has", self._all_archived)
        wait_until("the queue is empty", lambda: self.stage.queue_depth() == 0)

    def _all_archived(self) -> bool:
        kinds = self.stage.item_counts()
        rows = self.stage.query(
            "SELECT (SELECT count(*) FROM strategy_signals) AS signal,"
            " (SELECT count(*) FROM strategy_snapshots WHERE parameters IS NOT NULL) AS snapshot,"
            " (SELECT count(*) FROM strategy_runs) AS run"
        )
        return all(int(rows[0][kind]) >= kinds[kind] for kind in ("signal", "snapshot", "run"))

    def _some_fills_again(self) -> list[dict[str, Any]]:
        """Return fills that the stream brought, as a poll finds them later."""
        rows = self.stage.query(_SOME_FILLS)
        return [
            {
                "schema": "linkage.v1",
                "type": "fill",
                "ingest_via": "poll",
                "order_id": row.pop("venue_order_id"),
                **{
                    name: str(value)
                    for name, value in row.items()
                    if name != "order_id" and value is not None
                },
            }
            for row in rows
        ]


def wait_until(what: str, holds: Callable[[], bool], *, seconds: float = QUIET_SECONDS) -> None:
    """Poll until a condition holds.

    Raises:
        DemoError: it does not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(POLL_SECONDS)
