"""pydantic's errors as ours: one sentence, and the field that it is about."""

from __future__ import annotations

import re

from pydantic import ValidationError

from linkage.domain.errors import InvalidInputError
from linkage.domain.problems import first_problem

_ABOUT_A_FIELD = re.compile(r"([a-z_]+) is required")


def invalid_input(error: ValidationError) -> InvalidInputError:
    """Return the error of a value that fits no model; it names the first field that does not.

    The message never repeats what was sent, so raise it ``from None``.
    """
    field, message = first_problem(error)
    # A rule over several fields has no place of its own; its sentence begins with the one that is missing.
    about = _ABOUT_A_FIELD.match(message)
    return InvalidInputError(message, field or (about[1] if about else ""))
