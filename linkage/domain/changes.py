"""What changed between two sets of parameters, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from linkage.domain.canonical import canonical

CODE_VERSION = "code_version"
_GONE = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        path: of the field, dotted, as in a document: ``weights.rsi``.
        before, after: canonical values; None as well where that side has no such field.
        text: for people, e.g. ``weights.rsi 2.5 → 3``.
    """

    path: str
    before: object
    after: object
    text: str


def changes_between(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    """Return what differs between two snapshots' parameters, by path; spelling is no difference.

    Args:
        before: ``parameters`` of a snapshot, as it was made or as the ledger has it.
        after: of the other one.
    """
    old, new = dict(_fields(canonical(before))), dict(_fields(canonical(after)))
    found = []
    for path in sorted(old.keys() | new.keys(), key=lambda path: (path == CODE_VERSION, path)):
        left, right = old.get(path, _GONE), new.get(path, _GONE)
        if left != right:
            found.append(
                Change(
                    path,
                    None if left is _GONE else left,
                    None if right is _GONE else right,
                    _text(path, left, right),
                )
            )
    return found


def _text(path: str, before: object, after: object) -> str:
    if path == CODE_VERSION:
        return f"the strategy's code {_spelt(before)} → {_spelt(after)}"
    if before is _GONE:
        return f"{path} is new: {_spelt(after)}"
    if after is _GONE:
        return f"{path} is gone, it was {_spelt(before)}"
    if _is_list(before) and _is_list(after):
        return f"{path} {_listed(before, after)}"
    return f"{path} {_spelt(before)} → {_spelt(after)}"


def _listed(before: Sequence[object], after: Sequence[object]) -> str:
    """Return what a list gained and lost, or its new sequence."""
    gained = [item for item in after if item not in before]
    lost = [item for item in before if item not in after]
    parts = [f"with {', '.join(map(_spelt, gained))}"] if gained else []
    parts += [f"without {', '.join(map(_spelt, lost))}"] if lost else []
    return ", ".join(parts) or f"{_spelt(before)} → {_spelt(after)}"


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _spelt(value: object) -> str:
    if value is None or value is _GONE:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _fields(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _fields(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, value
