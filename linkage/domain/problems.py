"""What a model says of a value that does not fit, as one sentence and the field that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ModelError(Protocol):
    """pydantic's ``ValidationError``, as far as it is read here; the domain knows no library."""

    def errors(
        self, *, include_input: bool, include_url: bool, include_context: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Return what does not fit, in the order of the fields."""
        ...


def first_problem(error: ModelError) -> tuple[str, str]:
    """Return the first field that does not fit, with dots, and what is wrong with it, without its value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return field, "there is no such field"
    return field, str(first["msg"]).removeprefix("Value error, ")
