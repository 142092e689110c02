"""Breaks the linker on purpose, one bug at a time, and shows that the tests notice.

``python -m tests.proofs.mutants [--first] [NAME…]`` copies the repository, applies each bug to the copy, runs
the tests of the rules there, and prints how many failed and which numbered scenarios were among them. With
``--first`` a bug's run ends at the first failure. It exits with 1 when a bug was not noticed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "tests/scenarios",
    "tests/linkage/adapters/postgres_ledger",
    "tests/functions/recorder",
    "tests/proofs",
)
COPIED = ("cli", "functions", "infra", "linkage", "local", "migrations", "tests", "pyproject.toml")
LINKS = "linkage/adapters/postgres_ledger/links.py"
DERIVE = "linkage/adapters/postgres_ledger/derive.py"
LEDGER = "linkage/adapters/postgres_ledger/ledger.py"
SCHEMA = "migrations/versions/v0001_ledger.py"
HANDLER = "functions/recorder/handler.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug: pieces of text in a file, each there exactly once, and what stands there instead."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]


MUTANTS = (
    Mutant(
        "link by symbol",
        LINKS,
        (("JOIN {signals} s ON s.client_order_id = c.client_order_id\n",
          "JOIN strategy_signals s ON s.symbol = c.symbol\n"),),
    ),
    Mutant(
        "latest snapshot wins",
        LINKS,
        (("s.meaning, s.snapshot_id,",
          "s.meaning, (SELECT snapshot_id FROM strategy_signals WHERE snapshot_id IS NOT NULL"
          " ORDER BY recorded_at DESC, client_order_id DESC LIMIT 1) AS snapshot_id,"),),
    ),
    Mutant(
        "consume on first fill",
        LINKS,
        (("), candidates AS MATERIALIZED (\n",
          "   AND NOT EXISTS (SELECT FROM trade_strategy_link used\n"
          "                   WHERE used.client_order_id = s.client_order_id)\n), candidates AS MATERIALIZED (\n"),),
    ),
    Mutant(
        "drop expired",
        "linkage/adapters/dynamodb_signals.py",
        (("                    ConditionExpression=_ABSENT,\n                    "
          "ExpressionAttributeValues={\":now\": {\"N\": _epoch(self._clock.now())}},\n",
          "                    ConditionExpression=f\"attribute_not_exists({items.PK})\",\n"),),
    ),
    Mutant(
        "stream filter without MODIFY",
        HANDLER,
        (('if record["eventName"] != "REMOVE"', 'if record["eventName"] == "INSERT"'),),
    ),
    Mutant(
        "acknowledge before commit",
        HANDLER,
        (("        return Outcome(), batch\n    except Exception", "        return Outcome(), ()\n    except Exception"),),
    ),
    Mutant(
        "sum the cumulative record too",
        DERIVE,
        (("quantity / nullif(price, 0) ELSE quantity END AS amount\n",
          "quantity / nullif(price, 0) ELSE coalesce(quantity, cumulative_quantity) END AS amount\n"),
         ("coalesce(sum(amount) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS amount,",
          "coalesce(sum(amount) FILTER (WHERE kind <> 'REVERSAL'), 0) AS amount,")),
    ),
    Mutant(
        "max(G, C) replaced by G",
        DERIVE,
        (("ELSE c.amount > m.amount END AS ahead", "ELSE false END AS ahead"),),
    ),
    Mutant(
        "fill key without order_id",
        SCHEMA,
        (("SELECT DISTINCT ON (order_id, fill_id, venue, account) *\nFROM fills\n"
          "ORDER BY order_id, fill_id, venue, account,",
          "SELECT DISTINCT ON (fill_id, venue, account) *\nFROM fills\nORDER BY fill_id, venue, account,"),),
    ),
    Mutant(
        "one transaction instead of two",
        LEDGER,
        (("            return self.connection.run(lambda connection: _record(connection, facts))\n",
          "            def both(connection: Connection) -> Recorded:\n"
          "                with connection.transaction():\n"
          "                    recorded = _record(connection, facts)\n"
          "                    self._kept = _resolve(connection, recorded.touched)\n"
          "                return recorded\n\n"
          "            return self.connection.run(both)\n"),
         ("        return self.connection.run(lambda connection: _resolve(connection, touched))\n",
          "        return self._kept\n")),
    ),
    Mutant(
        "no closure over children",
        LINKS,
        (("  SELECT below.order_id FROM family CROSS JOIN LATERAL (\n"
          "    SELECT order_id FROM trade_records WHERE parent_order_id = family.order_id\n",
          "  SELECT below.order_id FROM family CROSS JOIN LATERAL (\n"
          "    SELECT order_id FROM trade_records WHERE false\n"),),
    ),
    Mutant(
        "parent link frozen",
        LINKS,
        (('WHERE p.order_id IS NULL OR ({_columns("p.")}) IS DISTINCT FROM ({_columns("w.")})',
          'WHERE p.order_id IS NULL OR p.method <> \'parent\'\n'
          '    AND ({_columns("p.")}) IS DISTINCT FROM ({_columns("w.")})'),),
    ),
    Mutant(
        "trigger from the event in hand",
        DERIVE,
        (("coalesce(l.trigger_type, s.trigger)", "coalesce(s.trigger, l.trigger_type)"),),
    ),
    Mutant(
        "totals incremented instead of derived",
        DERIVE,
        (("CASE quantity_unit WHEN 'quote' THEN coalesce(net_value, 0) ELSE net_amount END)\n"
          "           AS filled_quantity,",
          "net_amount + coalesce((SELECT t.filled_quantity FROM trade_records t\n"
          "                                           WHERE t.order_id = summed.order_id), 0))\n"
          "           AS filled_quantity,"),),
    ),
    Mutant(
        "null score stored as 0",
        LINKS,
        (("s.buy_score, s.sell_score,",
          "coalesce(s.buy_score, 0) AS buy_score, coalesce(s.sell_score, 0) AS sell_score,"),),
    ),
    Mutant(
        "veto on side left out",
        LINKS,
        (("              WHEN signal_side <> side THEN 'side'\n", ""),),
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


def failures(copy: Path, *flags: str) -> list[str]:
    """Run the tests in a copy of the repository and return the names of those that failed."""
    options = ["-q", "-p", "no:cacheprovider", "--tb=no", "-rfE", *flags]
    command = [sys.executable, "-m", "pytest", *options, *TESTS]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return failed


def main(arguments: list[str]) -> int:
    """Try each bug; return 1 when one was not noticed."""
    flags = ["-x"] if "--first" in arguments else []
    names = [argument for argument in arguments if argument != "--first"]
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    noticed_by: set[str] = set()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "linkage"
        copy.mkdir()
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / part)
        if clean := failures(copy):
            raise RuntimeError(f"without a bug {len(clean)} tests fail: {clean[:5]}")
        for mutant in chosen:
            file = copy / mutant.file
            sound = file.read_text()
            file.write_text(applied(mutant, sound))
            failed = failures(copy, *flags)
            file.write_text(sound)
            scenarios = sorted(set(re.findall(r"test_(scenario_\d\d)", " ".join(failed))))
            noticed_by.update(scenarios)
            missed += not failed
            word = "caught" if failed else "MISSED"
            print(
                f"{word}  {mutant.name}: {len(failed)} tests, {', '.join(scenarios) or 'no scenario'}",
                flush=True,
            )
    print(
        f"{len(chosen) - missed} of {len(chosen)} bugs caught; scenarios that caught one: {len(noticed_by)}"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
