"""The fills queue and its dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class EventQueue(Protocol):
    """Where fills and order events go."""

    def send(self, bodies: Sequence[str]) -> None:
        """Send messages, each one event or an array of up to 100 as JSON text.

        Raises:
            DeliveryError: at least one was not accepted; sending all again does no harm.
        """
        ...


@dataclass(frozen=True, slots=True)
class MovedLetters:
    """How many dead letters were moved, and how many were left because they had been moved too often."""

    moved: int = 0
    left: int = 0


class DeadLetters(Protocol):
    """What went to the dead letters of the fills queue."""

    def waiting(self) -> int:
        """Return about how many there are.

        Raises:
            DeliveryError: nobody can say.
        """
        ...

    def move(self, *, limit: int | None = None, most_redrives: int | None = None) -> MovedLetters:
        """Move letters back into the queue, each at least once.

        Args:
            limit: how many are looked at, about; None for all.
            most_redrives: a letter that was moved so often stays; None to move every one and count anew.

        Raises:
            DeliveryError: some were moved, no letter is lost.
        """
        ...
