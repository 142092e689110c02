"""One tree of errors, two branches: try again, or don't.

LinkageError
├── RetryableError          the same call may succeed later
│   ├── LedgerUnavailableError    PostgreSQL is unreachable, hung or full (SQLSTATE 08, 53, 57)
│   │   └── SchemaMismatchError       its schema is older or newer than the code (SQLSTATE 42)
│   ├── StoreUnavailableError     the signal store is throttled or unreachable
│   └── DeliveryError             a post, or a message to a queue, got no final answer
│       └── NotSentError              it certainly did not leave, or was rejected
└── PermanentError          the same call will fail for ever
    ├── InvalidInputError         what came in cannot be understood; names the field
    ├── SignatureError            a webhook's signature or token does not hold
    ├── NotAllowedError           the caller is known, and may not do this; names the field
    ├── KeyReusedError            one client_order_id, two meanings
    ├── RefusedError              the far side of a post refused it for good
    ├── ForbiddenAddressError     a receiver is where nothing is passed on to
    └── ConfigurationError        a setting or a parameter document is wrong
"""

from __future__ import annotations


class LinkageError(Exception):
    """Root of every error this product raises on purpose."""


class RetryableError(LinkageError):
    """The same call may succeed later."""


class LedgerUnavailableError(RetryableError):
    """PostgreSQL is unreachable, hung, full or shutting down."""


class SchemaMismatchError(LedgerUnavailableError):
    """PostgreSQL does not know what the code names, or not so: the schema is older or newer than the code."""


class StoreUnavailableError(RetryableError):
    """The signal store is throttled, unreachable or too slow."""


class DeliveryError(RetryableError):
    """A post, or a message to a queue, got no final answer."""


class MarketUnavailableError(RetryableError):
    """The source of candles is unreachable or too slow."""


class StateChangedError(RetryableError):
    """Somebody else saved a newer state since this one was read."""


class NotSentError(DeliveryError):
    """A post or a mail certainly did not leave, or was rejected: sending it again doubles nothing."""


class PermanentError(LinkageError):
    """The same call will fail for ever."""


class InvalidInputError(PermanentError):
    """What came in cannot be understood.

    Args:
        message: one sentence for the sender.
        field: dotted path of the offending field, empty when the whole body is at fault.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SignatureError(PermanentError):
    """A webhook's signature or token does not hold. The message is for the log, never for the caller."""


class NotAllowedError(PermanentError):
    """The caller is known, and may not do this.

    Args:
        message: one sentence for the sender.
        field: dotted path of the offending field.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class KeyReusedError(PermanentError):
    """One client_order_id arrived with two meanings; ``field`` is what its sender calls it."""

    def __init__(self, bot_id: str, client_order_id: str, field: str = "client_order_id") -> None:
        super().__init__(f"client_order_id {client_order_id!r} of bot {bot_id!r} already has another meaning")
        self.bot_id = bot_id
        self.client_order_id = client_order_id
        self.field = field


class RefusedError(PermanentError):
    """The far side of a post refused it for good: our own webhook, or a receiver that we forward to."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class ForbiddenAddressError(PermanentError):
    """A receiver's name leads to an address that nothing is passed on to; nothing was sent."""


class ConfigurationError(PermanentError):
    """A setting or a parameter document is wrong; ``field`` is its path."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
