"""What a model says of a value that does not fit, as one sentence and the field that it is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

_ABOUT_A_FIELD = re.compile(r"([a-z_]+) is required")
_WITHOUT_TYPE = ("union_tag_not_found", "union_tag_invalid")


class ModelError(Protocol):
    """pydantic's ``ValidationError``, as far as it is read here; the domain knows no library."""

    def errors(
        self, *, include_input: bool, include_url: bool, include_context: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Return what does not fit, in the order of the fields."""
        ...


def first_problem(error: ModelError, *, tags: Collection[str] = ()) -> tuple[str, str]:
    """Return the first field that does not fit, with dots, and what is wrong with it, without its value.

    Args:
        error: of a model.
        tags: names of the models among which one was chosen; they are no part of a field's path.
    """
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = first["loc"][1:] if first["loc"][:1] and first["loc"][0] in tags else first["loc"]
    field = ".".join(str(part) for part in place)
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return field, "there is no such field"
    if first["type"] in _WITHOUT_TYPE:
        return "type", message
    # A rule over several fields has no place of its own; its sentence begins with the one that is missing.
    about = _ABOUT_A_FIELD.match(message)
    return field or (about[1] if about else ""), message
