"""What a strategy is to the rest of the product: a name, a model of its parameters and one pure function.

A run knows a strategy by its import path, ``package.module:OBJECT``, and everything else through this
interface: parameters are parsed by the model, the snapshot is the model's content, and ``code_version``
is a hash over the code that its decisions run through. The reference strategy is
``strategies.matrix.strategy:MATRIX``.

    class Parameters(StrategyParameters):
        bars_back: int = 20

    def decide(candles, state, parameters, closed): ...

    STRATEGY = Strategy(name="breakout", package=__name__, parameters=Parameters, decide=decide)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from linkage.domain.canonical import canonical_json, parse_utc
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.problems import first_problem
from linkage.domain.snapshots import Snapshot, make_snapshot
from linkage.ports.market import Candles
from linkage.strategy.candles import last_close, only_symbol
from linkage.strategy.code_version import code_version
from linkage.strategy.decisions import Decided, Decision
from linkage.strategy.documents import read_document
from linkage.strategy.parameters import StrategyParameters
from linkage.strategy.state import StrategyState
from linkage.strategy.walk import has_interval, walk

ADDED = ("strategy", "code_version", "symbols")
"""What a snapshot has besides the fields of the model."""

_PATH = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""Of a strategy, and of an arm."""

P = TypeVar("P", bound=StrategyParameters)


@dataclass(frozen=True, slots=True)
class Strategy(Generic[P]):
    """A strategy. Everything that depends on its parameters derives from its model.

    Attributes:
        name: in snapshots, keys, runs and state.
        package: import name of the package that holds the module that the import path names. Its files,
            what they import, and the host's modules that all decisions run through, are its
            ``code_version``.
        parameters: the model; frozen, every field with a default.
        decide: from candles, the state before, parameters and the close of the last bar (aware UTC, a
            multiple of the interval) to the decisions of that bar. Pure: the same input gives the same
            output, and no bar after ``closed`` is looked at.
        series: the same decisions for many bars at once, where the strategy has a faster way; see ``walk``.

    Raises:
        ConfigurationError: the name or the model is not as it has to be; says how.
    """

    name: str
    package: str
    parameters: type[P]
    decide: Callable[[Candles, StrategyState, P, datetime], Decided]
    series: Callable[[Candles, StrategyState, P], Iterator[Decided]] | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without candles."""
        if not NAME.fullmatch(self.name):
            raise _wrong(f"{self.name!r} is no name: up to 32 lower-case letters, digits, _ and -")
        model = self.parameters
        if not (isinstance(model, type) and issubclass(model, StrategyParameters)):
            raise _wrong(f"the parameters of {self.name} are not a subclass of StrategyParameters")
        if not model.model_config.get("frozen") or model.model_config.get("extra") != "forbid":
            raise _wrong(f"the parameters of {self.name} must be frozen and forbid unknown fields")
        try:
            model()
        except ValidationError as error:
            path, message = first_problem(error)
            raise _wrong(f"the parameters of {self.name} have no valid defaults: {path}: {message}") from None

    def parse(self, document: str) -> P:
        """Return the parameters of a TOML or JSON document; what it leaves out has its default.

        Raises:
            ConfigurationError: it cannot be read, or a field is unknown, of the wrong type or out of
                bounds; ``field`` is its path.
        """
        return self.parse_values(read_document(document))

    def parse_values(self, values: Mapping[str, Any]) -> P:
        """Return the parameters of a document that is read already; see ``parse``."""
        try:
            # Strict: "35" is not 35. Through JSON, because there a list is a tuple and 2.5 an exact decimal.
            return self.parameters.model_validate_json(json.dumps(values, default=str), strict=True)
        except ValidationError as error:
            path, message = first_problem(error)
            raise ConfigurationError(f"{path or 'parameters'}: {message}", field=path) from None

    def describe(self, parameters: P, *, symbols: str) -> dict[str, Any]:
        """Return everything that can change a decision: the content of a snapshot.

        Args:
            parameters: the very object that the run computes with.
            symbols: the universe as configured; with a budget of signals, one symbol's presence can cost
                another its place.
        """
        values = _jsonable(parameters.model_dump())
        return {**values, "strategy": self.name, "code_version": self.code_version, "symbols": symbols}

    def snapshot(self, parameters: P, *, symbols: str, label: str | None = None) -> Snapshot:
        """Return the snapshot of these parameters."""
        return make_snapshot(self.describe(parameters, symbols=symbols), label)

    def parameters_of(self, values: Mapping[str, Any]) -> P:
        """Return the parameters that a snapshot describes, from its ``parameters`` as stored.

        Raises:
            ConfigurationError: they are not those of this strategy.
        """
        known = {name: value for name, value in values.items() if name not in ADDED}
        try:
            return self.parameters.model_validate_json(canonical_json(known))
        except ValidationError as error:
            path, message = first_problem(error)
            raise ConfigurationError(f"{path}: {message}", field=path) from None

    def recompute(
        self, signal: Mapping[str, Any], snapshot_parameters: Mapping[str, Any], candles: Candles
    ) -> Decision | None:
        """Return what a snapshot's parameters decide at a signal's time, None where they decide nothing.

        It starts from an empty state and sees one symbol, so a guardrail that depends on other signals may
        differ; side, scores and evidence do not.

        Args:
            signal: its fact; ``symbol`` and ``signalled_at`` are read.
            snapshot_parameters: of the snapshot that it is linked with.
            candles: bars of that symbol up to the signal's time, or longer.

        Raises:
            InvalidInputError: the candles do not allow a decision at that time.
            ConfigurationError: the snapshot is not of this strategy.
        """
        parameters = self.parameters_of(snapshot_parameters)
        symbol, at = str(signal["symbol"]), signal["signalled_at"]
        closed = last_close(parse_utc(at) if isinstance(at, str) else at, parameters.interval_seconds)
        decided = self.decide(only_symbol(candles, symbol), StrategyState(), parameters, closed)
        if symbol in decided.skipped:
            raise InvalidInputError(
                f"no decision on {symbol} can be computed: {decided.skipped[symbol]}", field="symbol"
            )
        return next((decision for decision in decided.decisions if decision.symbol == symbol), None)

    def walk(self, candles: Candles, state: StrategyState, parameters: P) -> Iterator[Decided]:
        """Yield what is decided at each bar, in order of time, each with the state after the bar before.

        It is what ``decide`` gives, bar by bar. The first bar is the earliest one with ``parameters.bars``
        bars up to it; the time of each is its ``state.completed_at``.

        Args:
            candles: of the parameters' interval, as many bars as are known.
            state: before the first bar.
            parameters: for all of them.

        Raises:
            InvalidInputError: the candles are of another interval.
        """
        if not has_interval(candles, parameters):
            raise InvalidInputError(
                f"bars of {candles.interval_seconds} s do not suit parameters "
                f"for {parameters.interval_seconds} s", field="interval_seconds",
            )  # fmt: skip
        yield from walk(candles, state, parameters, decide=self.decide, series=self.series)

    @property
    def code_version(self) -> str:
        """A hash over the code that its decisions run through, 16 hex digits."""
        return code_version(self.package)


def load_strategy(path: str) -> Strategy[Any]:
    """Return the strategy that an import path names.

    Args:
        path: ``package.module:OBJECT``, or ``package:OBJECT``.

    Raises:
        ConfigurationError: nothing can be imported by this path, or it is no strategy; says why.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise _wrong(f"{path!r} is no import path like package.module:OBJECT")
    module_name, object_name = match.groups()
    try:
        module = import_module(module_name)
    except (ImportError, SyntaxError) as error:
        raise _wrong(f"{path!r} cannot be imported: {error}") from error
    found = getattr(module, object_name, None)
    if not isinstance(found, Strategy):
        what = "has no such object" if found is None else f"is a {type(found).__name__}, no Strategy"
        raise _wrong(f"{path!r} {what}")
    if not f"{module_name}.".startswith(f"{found.package}."):
        raise _wrong(f"{path!r} is not inside its package {found.package!r}, whose files are its version")
    code_version(found.package)
    return found


def _jsonable(value: Any) -> Any:
    """Return a dumped model as JSON values; a set has no order of its own, so it gets one."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_jsonable(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return to_jsonable_python(value)


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(f"strategy: {message}", field="strategy")
