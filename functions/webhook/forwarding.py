"""The tee: a signal's post goes to the receiver behind us once, under a lease.

Whoever takes the lease forwards; who comes meanwhile waits for that outcome. A receiver that takes the post
or refuses it settles the matter. Without an answer it may have the order, so nobody forwards until the lease
has ended. Each forward carries the signal's key as ``Idempotency-Key``, by which a receiver knows a second
one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

from linkage.domain.errors import (
    ConfigurationError,
    DeliveryError,
    ForbiddenAddressError,
    NotSentError,
    RefusedError,
    StoreUnavailableError,
)
from linkage.domain.facts import SignalKey
from linkage.ports.clock import Clock
from linkage.ports.forwarding import Forwarder
from linkage.ports.store import ForwardStatus, SignalStore

IDEMPOTENCY_HEADER = "idempotency-key"
TRY_AGAIN_SECONDS = 5

_POLL_SECONDS = 0.25
_PRINTABLE = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}"
"""ASCII that a header takes and ``quote`` would not leave alone."""

Outcome = Literal[
    "none",
    "forwarded",
    "unmarked",
    "done before",
    "refused",
    "forbidden",
    "turned away",
    "no answer",
    "running",
]

FAILED: tuple[Outcome, ...] = ("refused", "forbidden", "turned away", "no answer")


@dataclass(frozen=True, slots=True)
class Forward:
    """What became of a signal's forward.

    Attributes:
        outcome: ``none``: nobody is behind us. ``unmarked``: the receiver has the post, but the store could
            not record that. ``done before``: it has it from an earlier post. ``refused``: for good.
            ``forbidden``: it is where nothing is passed on to. ``turned away``: it certainly did not take it.
            ``no answer``: it may have it. ``running``: another post of the signal still waits for its answer.
        status_code: what the receiver of ``refused`` answered.
        retry_after: seconds until the sender may post again; 0 when there is no reason to.
    """

    outcome: Outcome
    status_code: int = 0
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class TeeTimes:
    """How long things take at the tee, in seconds.

    Attributes:
        timeout: for the receiver's answer.
        lease: longer than that, and than an invocation may last: nobody forwards after its lease has ended.
        wait: how long a post waits for the outcome of another one of its signal.

    Raises:
        ConfigurationError: a lease could end while the receiver is still being asked.
    """

    timeout: float = 8.0
    lease: float = 60.0
    wait: float = 10.0

    def __post_init__(self) -> None:
        if self.lease <= self.timeout:
            raise ConfigurationError(
                "a lease has to outlast the receiver's time-out", "forward_lease_seconds"
            )


@dataclass(frozen=True, slots=True)
class Tee:
    """What a forward is made with."""

    store: SignalStore
    forwarder: Forwarder
    clock: Clock
    times: TeeTimes

    def forward(self, key: SignalKey, url: str, body: bytes, headers: Mapping[str, str]) -> Forward:
        """Forward a stored signal's body, unless that was done or is being done.

        Args:
            key: of the signal.
            url: of the receiver.
            body: the raw bytes, passed on as they are.
            headers: those that are passed on, by lower-case name.

        Raises:
            StoreUnavailableError: whether it was forwarded cannot be known; it was not forwarded now.
        """
        owner = uuid4().hex
        until = self.clock.now() + timedelta(seconds=self.times.lease)
        status = self.store.lease_forward(key, owner=owner, until=until)
        if status.state != "leased":
            return self._outcome_of_another(key, status)
        if self.clock.now() + timedelta(seconds=self.times.timeout) >= until:
            # This process stood still since it asked for the lease. An answer would come too late for it.
            return Forward("running", retry_after=self._seconds_until(until))
        return self._forward(key, owner, until, url, body, headers)

    def _forward(
        self, key: SignalKey, owner: str, until: datetime, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Forward:
        passed_on = dict(headers)
        passed_on[IDEMPOTENCY_HEADER] = quote(key.client_order_id, safe=_PRINTABLE)
        refused = None
        try:
            self.forwarder.forward(url, body, passed_on)
        except ForbiddenAddressError:
            self._release(key, owner, until)
            return Forward("forbidden")
        except NotSentError:
            return self._release(key, owner, until)
        except DeliveryError:
            return Forward("no answer", retry_after=self._seconds_until(until))
        except RefusedError as error:
            refused = error.status_code
        settled = self._settle(key, owner, refused)
        if refused is not None:
            return Forward("refused", status_code=refused)
        # The receiver has the order, recorded or not. An error would make the sender post it again.
        return Forward("forwarded" if settled else "unmarked")

    def _settle(self, key: SignalKey, owner: str, refused: int | None) -> bool:
        try:
            return self.store.settle_forward(key, owner=owner, at=self.clock.now(), refused=refused)
        except StoreUnavailableError:
            return False

    def _release(self, key: SignalKey, owner: str, until: datetime) -> Forward:
        try:
            self.store.release_forward(key, owner=owner)
        except StoreUnavailableError:
            return Forward("turned away", retry_after=self._seconds_until(until))
        return Forward("turned away", retry_after=TRY_AGAIN_SECONDS)

    def _outcome_of_another(self, key: SignalKey, status: ForwardStatus) -> Forward:
        """Wait for the outcome of whoever has the lease. Who waits never forwards."""
        deadline = time.monotonic() + self.times.wait
        while status.state == "running" and time.monotonic() < deadline:
            time.sleep(min(_POLL_SECONDS, self.times.wait))
            status = self.store.forward_status(key)
        match status.state:
            case "forwarded":
                return Forward("done before")
            case "refused":
                return Forward("refused", status_code=status.status_code)
            case "running":
                seconds = TRY_AGAIN_SECONDS if status.until is None else self._seconds_until(status.until)
                return Forward("running", retry_after=seconds)
            case _:
                return Forward("turned away", retry_after=TRY_AGAIN_SECONDS)

    def _seconds_until(self, moment: datetime) -> int:
        return max(1, ceil((moment - self.clock.now()).total_seconds()))
