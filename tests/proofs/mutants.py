"""Breaks the product on purpose, one bug at a time, and shows that the tests notice.

``python -m tests.proofs.mutants [--all] [NAME…]`` copies the repository, applies each bug to a copy and runs
the scenarios that have to notice it, with ``--all`` every scenario; if none fails, the other tests of the rules
up to the first failure. It prints for each bug which numbered scenarios failed, and exits with 1 when nobody
noticed a bug, or when some scenario noticed none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.proofs.counting import tally

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
SCENARIOS = "tests/scenarios"
OTHERS = ("tests/linkage/adapters/postgres/ledger", "tests/functions/recorder", "tests/proofs")
LOTS_TESTS = ("tests/linkage/domain/test_lots.py", "tests/linkage/adapters/postgres/lots")
QUICK = {"LINKAGE_PROOF_SHORT_CUT": "1", "LINKAGE_PROOF_EXPIRY": "one", "LINKAGE_PROOF_HISTORIES": "30"}
COPIED = ("cli", "functions", "infra", "linkage", "local", "migrations", "tests", "pyproject.toml")
ORDERS = "migrations/schema/03_derived_orders.sql"
LINKS = "migrations/schema/04_derived_links.sql"
LEDGER_SQL = "linkage/adapters/postgres/ledger/sql"
LEDGER = "linkage/adapters/postgres/ledger/ledger.py"
DISPOSITIONS = "migrations/schema/05_dispositions.sql"
SIGNALS = "linkage/adapters/dynamodb/signals.py"
HANDLER = "functions/recorder/handler.py"
ARCHIVE = "functions/recorder/archive.py"
SERVICE = "functions/recorder/service.py"
REPORT = "functions/report/service.py"
LOTS_SQL = "linkage/adapters/postgres/lots/sql"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug: pieces of text in a file, each there exactly once, and what stands there instead.

    ``noticed_by`` are the numbers of scenarios that have to fail; none, if one of the ``others`` has to.
    """

    name: str
    noticed_by: str
    file: str
    changes: tuple[tuple[str, str], ...]
    others: tuple[str, ...] = OTHERS


MUTANTS = (
    Mutant(
        "link by symbol",
        "01 04",
        LINKS,
        (("    WHERE client_order_id = ANY (array(SELECT client_order_id FROM chain))\n    OFFSET 0\n"
          "  ) s ON s.client_order_id = c.client_order_id\n",
          "  ) s ON s.symbol = c.symbol\n"),),
    ),
    Mutant(
        "latest snapshot wins",
        "01",
        LINKS,
        (("s.meaning, s.snapshot_id,\n",
          "s.meaning, (SELECT snapshot_id FROM strategy_signals WHERE snapshot_id IS NOT NULL"
          " ORDER BY recorded_at DESC, client_order_id DESC LIMIT 1),\n"),),
    ),
    Mutant(
        "consume on first fill",
        "",
        LINKS,
        (("), candidates AS MATERIALIZED (\n",
          "   AND NOT EXISTS (SELECT FROM trade_strategy_link used\n"
          "                   WHERE used.client_order_id = s.client_order_id)\n), candidates AS MATERIALIZED (\n"),),
    ),
    Mutant(
        "drop expired",
        "28",
        "linkage/adapters/dynamodb/signals.py",
        (("                    ConditionExpression=_ABSENT,\n                    "
          "ExpressionAttributeValues={\":now\": {\"N\": _epoch(self._clock.now())}},\n",
          "                    ConditionExpression=f\"attribute_not_exists({items.PK})\",\n"),),
    ),
    Mutant(
        "two forward at once",
        "45",
        SIGNALS,
        (("forward_until <= :clock", "forward_until > :clock"),),
    ),
    Mutant(
        "stream filter without MODIFY",
        "28",
        HANDLER,
        (('if record["eventName"] != "REMOVE"', 'if record["eventName"] == "INSERT"'),),
    ),
    Mutant(
        "acknowledge before commit",
        "",
        HANDLER,
        (("        return Outcome(), batch\n    except Exception", "        return Outcome(), ()\n    except Exception"),),
    ),
    Mutant(
        "sum the cumulative record too",
        "18",
        ORDERS,
        (("quantity / nullif(price, 0) ELSE quantity END AS amount\n",
          "quantity / nullif(price, 0) ELSE coalesce(quantity, cumulative_quantity) END AS amount\n"),
         ("coalesce(sum(amount) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS amount,",
          "coalesce(sum(amount) FILTER (WHERE kind <> 'REVERSAL'), 0) AS amount,")),
    ),
    Mutant(
        "max(G, C) replaced by G",
        "30",
        ORDERS,
        (("ELSE c.amount > f.amount END AS ahead", "ELSE false END AS ahead"),),
    ),
    Mutant(
        "fill key without order_id",
        "25",
        ORDERS,
        (("SELECT DISTINCT ON (order_id, fill_id, venue, account) *\nFROM fills\n"
          "ORDER BY order_id, fill_id, venue, account,",
          "SELECT DISTINCT ON (fill_id, venue, account) *\nFROM fills\nORDER BY fill_id, venue, account,"),),
    ),
    Mutant(
        "one transaction instead of two",
        "",
        LEDGER,
        (("            return self.connection.run(partial(record_batch, batch=facts))\n",
          "            def both(connection):\n"
          "                with connection.transaction():\n"
          "                    recorded = record_batch(connection, facts)\n"
          "                    self._resolved = resolve_links(connection, recorded.touched)\n"
          "                return recorded\n\n"
          "            return self.connection.run(both)\n"),
         ("        return self.connection.run(partial(resolve_links, touched=touched))\n",
          "        return self._resolved\n")),
    ),
    Mutant(
        "no closure over children",
        "09",
        LINKS,
        (("FROM trade_records\nWHERE parent_order_id IS NOT NULL\n", "FROM trade_records\nWHERE false\n"),),
    ),
    Mutant(
        "parent link frozen",
        "24",
        f"{LEDGER_SQL}/resolve_links.sql",
        (("     OR (p.bot_id, p.client_order_id,", "     OR p.method <> 'parent' AND (p.bot_id, p.client_order_id,"),),
    ),
    Mutant(
        "trigger from the event in hand",
        "",
        ORDERS,
        (("coalesce(l.trigger_type, e.trigger)", "coalesce(e.trigger, l.trigger_type)"),),
    ),
    Mutant(
        "totals incremented instead of derived",
        "02 06 08",
        ORDERS,
        (("CASE quantity_unit WHEN 'quote' THEN coalesce(net_value, 0) ELSE net_amount END)\n"
          "         AS filled_quantity,",
          "net_amount + coalesce((SELECT t.filled_quantity FROM trade_records t\n"
          "                                           WHERE t.order_id = summed.order_id), 0))\n"
          "         AS filled_quantity,"),),
    ),
    Mutant(
        "null score stored as 0",
        "22",
        LINKS,
        (("s.buy_score, s.sell_score,", "coalesce(s.buy_score, 0), coalesce(s.sell_score, 0),"),),
    ),
    Mutant(
        "veto on side left out",
        "",
        LINKS,
        (("              WHEN signal_side <> side THEN 'side'\n", ""),),
    ),
    Mutant(
        "a key that was given up still bars",
        "",
        f"{LEDGER_SQL}/lock_related_orders.sql",
        (("  UNION\n  SELECT client_order_id FROM fill_receipts WHERE order_id = ANY (%(orders)s::text[] COLLATE \"C\")\n"
          "  UNION\n  SELECT client_order_id FROM order_events WHERE order_id = ANY (%(orders)s::text[] COLLATE \"C\")\n",
          ""),),
    ),
    Mutant(
        "an order takes the signal of a year later",
        "",
        LINKS,
        (("interval '1 day'", "interval '1000 days'"),),
    ),
    # One for each scenario that those above leave alone.
    Mutant(
        "a signal is good for a day",
        "03",
        LINKS,
        (("  ) s ON s.client_order_id = c.client_order_id\n",
          "  ) s ON s.client_order_id = c.client_order_id"
          " AND s.signalled_at > c.placed - interval '24 hours'\n"),),
    ),
    Mutant(
        "a repeated post is a conflict",
        "05",
        SIGNALS,
        (('return "repeated" if present["meaning"]["S"] == meaning else "conflict"', 'return "conflict"'),),
    ),
    Mutant(
        "another meaning is a repetition",
        "26",
        SIGNALS,
        (('return "repeated" if present["meaning"]["S"] == meaning else "conflict"', 'return "repeated"'),),
    ),
    Mutant(
        "the hot store is never asked",
        "07",
        SERVICE,
        (("signals = store.get_signals(wanted)\n", "signals = store.get_signals(())\n"),),
    ),
    Mutant(
        "a poll's word is the last",
        "08",
        ORDERS,
        (("         min(channel_rank(ingest_via)) AS channel\n  FROM receipts\n",
          "         max(channel_rank(ingest_via)) AS channel\n  FROM receipts\n"),
         ("         min(channel_rank(ingest_via)) AS channel,\n         min(created_at) AS placed_at",
          "         max(channel_rank(ingest_via)) AS channel,\n         min(created_at) AS placed_at")),
    ),
    Mutant(
        "what expired still answers",
        "12",
        SIGNALS,
        (('return expires is None or int(expires["N"]) > int(self._clock.now().timestamp())', "return True"),),
    ),
    Mutant(
        "a snapshot is in force once only",
        "",
        f"{LEDGER_SQL}/insert_activations.sql",
        (("FROM activation_changes\nWHERE snapshot_id IS NOT NULL\n",
          "FROM activation_changes c\nWHERE snapshot_id IS NOT NULL AND NOT EXISTS (\n"
          "  SELECT FROM strategy_activations o WHERE o.snapshot_id = c.snapshot_id)\n"),),
    ),
    Mutant(
        "the first run activates nothing",
        "10 11",
        f"{LEDGER_SQL}/find_activation_changes.sql",
        (("own.snapshot_id IS DISTINCT FROM earlier.snapshot_id AS is_step",
          "own.snapshot_id IS DISTINCT FROM earlier.snapshot_id\n"
          "           AND earlier.snapshot_id IS NOT NULL AS is_step"),),
    ),
    Mutant(
        "every UUID is a key of ours",
        "12",
        "linkage/domain/keys.py",
        (("    if (value >> 76) & 0xF != 8 or (value >> 62) & 0x3 != 2:\n        return False\n"
          "    return value & _CHECKSUM_MASK == _checksum(value & ~_CHECKSUM_MASK)",
          "    return value >= 0"),),
    ),
    Mutant(
        "an empty window is well",
        "13",
        "functions/report/rendering/verdict.py",
        (('"QUIET · no orders {start}', '"OK · all linked {start}'),),
    ),
    Mutant(
        "the mail is claimed before the ledger is read",
        "14",
        REPORT,
        (("    read = ports.reader.report(request.window, by=request.by, verdicts=request.verdicts)\n",
          "    early = ReportPeriod(request.name, request.window.start, request.window.end)\n"
          "    for recipient in request.recipients:\n"
          "        ports.claims.claim(early, recipient.strip(), at=ports.clock.now())\n"
          "    read = ports.reader.report(request.window, by=request.by, verdicts=request.verdicts)\n"),),
    ),
    Mutant(
        "nobody asks whether a mail was sent",
        "15",
        REPORT,
        (("if not ports.claims.claim(period, recipient, at=ports.clock.now()):",
          "if not ports.claims.claim(period, recipient, at=ports.clock.now()) and False:"),),
    ),
    Mutant(
        "what is no buy is a sell",
        "16",
        "linkage/sources/bottrader.py",
        (("        return value.strip().lower() if isinstance(value, str) else value\n",
          '        return "buy" if value == "buy" else "sell"\n'),),
    ),
    Mutant(
        "a cancelled order filled nothing",
        "17",
        ORDERS,
        (("bits & 2 <> 0 OR (bits & 28 <> 0 AND net_amount > 0)", "bits & 2 <> 0"),),
    ),
    Mutant(
        "a table that is unavailable fails the batch",
        "19",
        SERVICE,
        (("        signals = store.get_signals(wanted)\n    except StoreUnavailableError:\n"
          "        return replace(outcome, store_unavailable=True)\n",
          "        signals = store.get_signals(wanted)\n    except StoreUnavailableError:\n        raise\n"),),
    ),
    Mutant(
        "what came while linking was off stays so",
        "20",
        ARCHIVE,
        (('if outcome.linking_enabled and any(json.loads(body).get("enabled") for body in parts["switches"]):',
          "if False:"),),
    ),
    Mutant(
        "what is repeated is not linked",
        "21",
        SERVICE,
        (("    if recorded.touched == Touched():\n", "    if not recorded.new_facts:\n"),),
    ),
    Mutant(
        "a replaced order hands nothing on",
        "23",
        LINKS,
        (("coalesce(c.replaces_order_id, counted.parent, c.postponed[1])", "coalesce(counted.parent, c.postponed[1])"),),
    ),
    Mutant(
        "a key may be used again",
        "26",
        LINKS,
        ((") THEN 'reused'\n", ") THEN NULL\n"),),
    ),
    Mutant(
        "one bot's key is every bot's",
        "27",
        LINKS,
        (("WHEN c.bot_id IS NOT NULL THEN s.bot_id = c.bot_id\n", "WHEN c.bot_id IS NOT NULL THEN true\n"),),
    ),
    Mutant(
        "no key, no expectation",
        "29",
        DISPOSITIONS,
        (("pattern.expects_signals, account_bots.expects_signals) = 'yes'\n",
          "pattern.expects_signals, account_bots.expects_signals) = 'yes'\n"
          "             AND tr.client_order_id IS NOT NULL\n"),),
    ),
    # Of lots and verdicts.
    Mutant(
        "gross and net swapped in appended episodes",
        "",
        f"{LOTS_SQL}/open_episodes_of.sql",
        (("coalesce(gross_pnl, 0) AS gross_pnl", "coalesce(net_pnl, 0) AS gross_pnl"),
         ("coalesce(net_pnl, 0) AS net_pnl", "coalesce(gross_pnl, 0) AS net_pnl")),
        LOTS_TESTS,
    ),
    Mutant(
        "the boundary of a rewind off by one",
        "",
        f"{LOTS_SQL}/plan_books.sql",
        (("e.closed_at < a.earliest_at", "e.closed_at <= a.earliest_at"),),
        LOTS_TESTS,
    ),
    Mutant(
        "what lies at the boundary is deleted too",
        "",
        f"{LOTS_SQL}/delete_after_boundaries.sql",
        (("a.closed_at > p.boundary", "a.closed_at >= p.boundary"),),
        LOTS_TESTS,
    ),
    Mutant(
        "a residue costs no fee",
        "",
        "linkage/domain/matching.py",
        (("        net = gross - execution.fee\n", "        net = gross\n"),),
        LOTS_TESTS,
    ),
    Mutant(
        "an episode leaves the fee of a residue out",
        "",
        "linkage/domain/matching.py",
        (("            episode.fees += execution.fee\n", ""),),
        LOTS_TESTS,
    ),
    Mutant(
        "shares of the chance of a false claim wrong by rank",
        "",
        "linkage/inference/comparison.py",
        (("(rank * (rank + 1))", "(rank * rank)"),),
        ("tests/linkage/inference/test_comparison.py",),
    ),
)  # fmt: skip


def applied(mutant: Mutant, text: str) -> str:
    """Return the file's text with the bug in it.

    Raises:
        ValueError: a piece is not there exactly once.
    """
    for before, after in mutant.changes:
        if text.count(before) != 1:
            raise ValueError(f"{mutant.name}: {text.count(before)} times in {mutant.file}: {before[:60]!r}")
        text = text.replace(before, after)
    return text


@dataclass(frozen=True, slots=True)
class Caught:
    """What noticed a bug: numbered scenarios, and one other test where no scenario did."""

    mutant: Mutant
    scenarios: tuple[str, ...]
    other: str = ""


def failures(copy: Path, *tests: str) -> list[str]:
    """Run tests in a copy of the repository and return the names of those that failed."""
    options = ["-q", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    done = subprocess.run(
        command, cwd=copy, env=os.environ | QUICK, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)


def tried(mutant: Mutant, copies: Queue[Path], *, thorough: bool) -> Caught:
    """Put a bug into a copy that is free, run the scenarios there, and the other tests if none failed."""
    wanted = " or ".join(f"scenario_{number}" for number in mutant.noticed_by.split())
    scope = [SCENARIOS] if thorough else [SCENARIOS, "-k", wanted]
    copy = copies.get()
    file = copy / mutant.file
    sound = file.read_text()
    try:
        file.write_text(applied(mutant, sound))
        failed = failures(copy, *scope) if wanted or thorough else []
        scenarios = sorted(set(re.findall(r"test_scenario_(\d\d)", " ".join(failed))))
        others = [] if scenarios else failures(copy, "-x", *mutant.others)
    finally:
        file.write_text(sound)
        copies.put(copy)
    return Caught(mutant, tuple(scenarios), others[0] if others else "")


def main(arguments: list[str]) -> int:
    """Try each bug; return 1 when one was not noticed, or when a scenario noticed none."""
    thorough = "--all" in arguments
    names = [argument for argument in arguments if argument != "--all"]
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with tempfile.TemporaryDirectory() as folder:
        copies: Queue[Path] = Queue()
        for number in range(AT_ONCE):
            copies.put(_copied(Path(folder) / str(number) / "linkage"))
        first = copies.get()
        if clean := failures(first, SCENARIOS):
            raise RuntimeError(f"without a bug {len(clean)} tests fail: {clean[:5]}")
        copies.put(first)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = []
            for caught in pool.map(lambda mutant: tried(mutant, copies, thorough=thorough), chosen):
                results.append(caught)
                by = " ".join(caught.scenarios) or caught.other or "NOBODY"
                print(f"{caught.mutant.name:<46} {by}", flush=True)
    missed = [one for one in results if not one.scenarios and not one.other]
    noticing = {scenario for one in results for scenario in one.scenarios}
    idle = sorted({f"{number:02}" for number in range(1, 31)} - noticing)
    print(f"{len(results) - len(missed)} of {len(results)} bugs caught", end="")
    print(f"; {30 - len(idle)} of 30 scenarios caught one" + (f", not {' '.join(idle)}" if idle else ""))
    tally("bugs", bugs=len(results), caught=len(results) - len(missed), scenarios=30 - len(idle))
    return 1 if missed or (idle and not names) else 0


def _copied(copy: Path) -> Path:
    copy.mkdir(parents=True)
    for part in COPIED:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / part)
    return copy


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
