"""What a process builds once, when it is first needed: settings, clients, connections, loggers.

A Lambda process serves one event after another, so what is dear to build is built once. Every such thing is
registered here and nowhere else, and one call drops them all: a test starts cold whatever ran before it.

Constants of the code are exempt: they are the same as long as a process lives, and what computes them is in a
layer that cannot import this one. There is one, the hash in ``linkage/strategy/code_version.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from typing import ParamSpec, Protocol, TypeVar, cast

Arguments = ParamSpec("Arguments")
Built = TypeVar("Built")


class Closable(Protocol):
    """Something that holds a connection or a file open."""

    def close(self) -> None:
        """Let go of it."""
        ...


Opened = TypeVar("Opened", bound=Closable)

_drop_results: list[Callable[[], None]] = []
_open = ExitStack()


def once(build: Callable[Arguments, Built]) -> Callable[Arguments, Built]:
    """Decorate a function whose result is built once per process, for each choice of its arguments.

    A call after the first one costs a look-up, made in C.
    """
    return memoised(limit=None)(build)


def memoised(*, limit: int | None) -> Callable[[Callable[Arguments, Built]], Callable[Arguments, Built]]:
    """Decorate a pure function whose last results are remembered.

    Args:
        limit: how many results are remembered, those that were used last; None for all.
    """

    def decorate(compute: Callable[Arguments, Built]) -> Callable[Arguments, Built]:
        cached = lru_cache(maxsize=limit)(compute)
        _drop_results.append(cached.cache_clear)
        return cast("Callable[Arguments, Built]", cached)

    return decorate


def closed_on_reset(resource: Opened) -> Opened:
    """Return a resource that ``reset`` closes, the last one first."""
    _open.callback(resource.close)
    return resource


def reset() -> None:
    """Close what is open and drop everything that was built, so that the next event starts cold."""
    _open.close()
    for drop in _drop_results:
        drop()
