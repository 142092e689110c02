"""What a parameters model says of its fields: path, unit, bounds, default. For commands and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

from linkage.domain.canonical import canonical
from linkage.strategy.parameters import Unit

_SIGNS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}


@dataclass(frozen=True, slots=True)
class Described:
    """One field.

    Attributes:
        path: dotted, as in a document.
        unit: empty where it has none.
        bounds: ``≥ 0, ≤ 100``; the choices of a field that has choices; empty when neither.
        default: canonical.
    """

    path: str
    unit: str
    bounds: str
    default: object


def describe_fields(model: type[BaseModel]) -> list[Described]:
    """Return the fields of a model, those of models inside it by their path, in their order."""
    return list(_fields(model, model(), ""))


def values_by_path(values: Mapping[str, Any], fields: list[Described]) -> dict[str, object]:
    """Return the canonical values of fields out of a nested document."""
    found: dict[str, object] = {}
    for field in fields:
        value: Any = values
        for name in field.path.split("."):
            value = value[name]
        found[field.path] = canonical(value)
    return found


def _fields(model: type[BaseModel], defaults: BaseModel, prefix: str) -> Iterator[Described]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        default = getattr(defaults, name)
        if isinstance(default, BaseModel):
            yield from _fields(type(default), default, f"{path}.")
            continue
        units = [item.name for item in field.metadata if isinstance(item, Unit)]
        yield Described(path, units[0] if units else _usual_unit(name), _bounds(field), canonical(default))


def _bounds(field: Any) -> str:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        return " or ".join(choices)
    bounds = []
    for item in field.metadata:
        for kind, sign in _SIGNS.items():
            if isinstance(item, kind):
                bounds.append(f"{sign} {canonical(getattr(item, kind.__name__.lower()))}")
    return ", ".join(bounds)


def _usual_unit(name: str) -> str:
    if name.endswith("_seconds"):
        return "seconds"
    return "bars" if name.split("_")[-1] == "bars" else ""
