"""pydantic's errors as ours: one sentence, and the field that it is about."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from linkage.domain.errors import InvalidInputError
from linkage.domain.problems import first_problem

Model = TypeVar("Model", bound=BaseModel)

_ABOUT_A_FIELD = re.compile(r"([a-z_]+) is required")


def validated(model: type[Model], value: Any) -> Model:
    """Return the value as a model.

    Raises:
        InvalidInputError: it does not fit; names the first field that does not. The message never
            repeats what was sent.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        field, message = first_problem(error)
    # A rule over several fields has no place of its own; its sentence begins with the one that is missing.
    about = _ABOUT_A_FIELD.match(message)
    raise InvalidInputError(message, field or (about[1] if about else ""))
