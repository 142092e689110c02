"""Where the strategy posts its signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class SinkReply:
    """What became of a posted signal: ``repeated`` when it was there, ``conflict`` with another meaning."""

    outcome: Literal["stored", "repeated", "conflict"]


class SignalSink(Protocol):
    """Where the strategy posts its signals."""

    def post(self, body: Mapping[str, object]) -> SinkReply:
        """Post one canonical signal, signed, retried with the same id.

        Raises:
            DeliveryError: no final answer after all retries.
            RefusedError: a final refusal other than 409.
        """
        ...
