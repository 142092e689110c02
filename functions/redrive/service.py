"""Dead letters come back by themselves, once the database answers again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from linkage.domain.errors import LedgerUnavailableError
from linkage.domain.facts import Window
from linkage.ports.clock import Clock
from linkage.ports.queue import DeadLetters
from linkage.ports.reader import LedgerReader

REDRIVE_LETTERS = 10_000
"""Looked at in one run: about a minute and a half. The next run goes on."""

_ASKED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use case works with."""

    letters: DeadLetters
    ledger: LedgerReader
    clock: Clock


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of the dead letters. ``left`` were moved too often; nothing is moved without a ledger."""

    waiting: int = 0
    moved: int = 0
    left: int = 0
    ledger_answers: bool = True


def redrive(ports: Ports, *, most_redrives: int) -> Redriven:
    """Move dead letters back into the fills queue if the database answers. Without any, one call is all.

    What can never be recorded is quarantined at first sight, so a dead letter is a victim of an outage. One
    that comes back all the same is moved ``most_redrives`` times; then it stays for an operator to see.

    Raises:
        DeliveryError: some may be moved; the next run goes on.
    """
    waiting = ports.letters.waiting()
    if not waiting:
        return Redriven()
    now = ports.clock.now()
    try:
        ports.ledger.rates(Window(now - _ASKED, now))
    except LedgerUnavailableError:
        return Redriven(waiting, ledger_answers=False)
    moved = ports.letters.move(limit=REDRIVE_LETTERS, most_redrives=most_redrives)
    return Redriven(waiting, moved.moved, moved.left)
