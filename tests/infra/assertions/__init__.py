"""What must be true of every stage's templates. Each function is one promise; ``CHECKS`` has them all.

They are apart from the tests, because test_faults.py shows for each deliberate fault that one of them
fails.
"""

from __future__ import annotations

from tests.infra.assembly import Assembly
from tests.infra.assertions import api, data, functions, items, operations, permissions

CHECKS = (
    *functions.CHECKS,
    *api.CHECKS,
    *data.CHECKS,
    *permissions.CHECKS,
    *items.CHECKS,
    *operations.CHECKS,
)


def failures(assembly: Assembly) -> list[str]:
    """Return the names of the checks that fail."""
    failed = []
    for check in CHECKS:
        try:
            check(assembly)
        except (AssertionError, LookupError, ValueError, TypeError, AttributeError, NotImplementedError):
            failed.append(check.__name__)
    return failed
