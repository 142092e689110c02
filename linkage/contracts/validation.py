"""pydantic's errors as ours: one sentence, and the field that it is about."""

from __future__ import annotations

from pydantic import ValidationError

from linkage.domain.errors import InvalidInputError
from linkage.domain.problems import first_problem


def invalid_input(error: ValidationError) -> InvalidInputError:
    """Return the error of a value that fits no model; it names the first field that does not.

    The message never repeats what was sent, so raise it ``from None``.
    """
    field, message = first_problem(error)
    return InvalidInputError(message, field)
