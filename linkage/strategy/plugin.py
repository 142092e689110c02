"""What a strategy is to the rest of the product: a name, a model of its parameters and one pure function.

A run knows a strategy by its import path, ``package.module:OBJECT``, and everything else through this
interface: parameters are parsed by the model, the snapshot is the model's content, and ``code_version``
is a hash over the strategy's own package. The reference strategy is ``strategies.matrix.strategy:MATRIX``.

    class Parameters(StrategyParameters):
        bars_back: int = 20

    def decide(candles, state, parameters, closed): ...

    STRATEGY = Strategy(name="breakout", package=__name__, parameters=Parameters, decide=decide)
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import to_jsonable_python

from linkage.domain.canonical import canonical_json, normalise_decimal
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.problems import first_problem
from linkage.domain.snapshots import Snapshot, make_snapshot
from linkage.domain.strict_json import check_values, object_without_duplicates
from linkage.domain.times import parse_utc
from linkage.ports.market import Candles
from linkage.strategy.state import LastSignal, Side, StrategyState

MAX_DECIMALS = 18
INTERVALS = (60, 300, 900, 1800, 3600, 14400, 86400)
ADDED = ("strategy", "code_version", "symbols")
"""What a snapshot has besides the fields of the model."""

Breakdown = Mapping[str, Mapping[str, str | int | None]]
"""Evidence: name to decision, value, threshold, weight and contribution; decimals as strings."""

_PATH = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""Of a strategy, and of an arm."""


def _known_interval(seconds: int) -> int:
    if seconds not in INTERVALS:
        raise ValueError(f"must be one of {', '.join(map(str, INTERVALS))}")
    return seconds


class ParameterGroup(BaseModel):
    """Base of a model inside the parameters: frozen, without unknown fields, finite.

    A decimal has at most 18 decimals, so that what is computed from it stays exact, and can be stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*")
    @classmethod
    def _with_few_decimals(cls, value: Any) -> Any:
        for one in value.values() if isinstance(value, Mapping) else (value,):
            if isinstance(one, Decimal) and len(normalise_decimal(one).partition(".")[2]) > MAX_DECIMALS:
                raise ValueError(f"must have at most {MAX_DECIMALS} decimals")
        return value


class StrategyParameters(ParameterGroup):
    """Base of every parameters model. Each field has a default, so that an empty document is a valid one.

    Attributes:
        interval_seconds: length of a bar.
        bars: how many closed bars each decision sees.
        clean_bars: how many of the last bars must be without a gap; an older gap is bridged.
        max_bridged: fraction of the bars that may be bridged.
    """

    interval_seconds: Annotated[int, AfterValidator(_known_interval)] = 300
    bars: Annotated[int, Field(ge=1, le=2000)] = 300
    clean_bars: Annotated[int, Field(ge=1, le=2000)] = 60
    max_bridged: Annotated[float, Field(ge=0, le=1)] = 0.15


P = TypeVar("P", bound=StrategyParameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision for one symbol and side, with its evidence.

    Attributes:
        guardrail: what held it back; None when it is to be sent.
        trigger: the rule that made it, ``score`` unless it has a name of its own.
        fired: names of what spoke for it; breakdown: the evidence, of what did not fire too.
        price: the close, or the limit of a limit order, in the quote currency.
        notional: of an entry, in the quote currency. quantity: of an exit, in the base currency.
        bar_time: start of its bar; decided_at: close of its bar. Aware UTC.
    """

    symbol: str
    side: Side
    price: Decimal
    bar_time: datetime
    decided_at: datetime
    notional: Decimal | None = None
    quantity: Decimal | None = None
    trigger: str = "score"
    buy_score: Decimal = Decimal(0)
    sell_score: Decimal = Decimal(0)
    fired: tuple[str, ...] = ()
    breakdown: Breakdown = field(default_factory=dict)
    order_type: str = "market"
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    guardrail: str | None = None

    @property
    def is_sent(self) -> bool:
        """Tell whether no guardrail held it back."""
        return self.guardrail is None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run decided.

    Attributes:
        decisions: sorted by symbol; at most one per symbol.
        state: as it is once all decisions without a guardrail are sent.
        seen: how many symbols were computed. skipped: symbol to reason.
    """

    decisions: tuple[Decision, ...]
    state: StrategyState
    seen: int
    skipped: Mapping[str, str]

    @classmethod
    def after(
        cls,
        decisions: Iterable[Decision],
        *,
        state: StrategyState,
        closed: datetime,
        seen: int,
        skipped: Mapping[str, str],
    ) -> Decided:
        """Return these decisions with the state that follows from the state before them."""
        made = tuple(sorted(decisions, key=lambda one: one.symbol))
        return cls(made, state.with_signals(sent_signals(made), closed), seen, skipped)


@dataclass(frozen=True, slots=True)
class Strategy(Generic[P]):
    """A strategy. Everything that depends on its parameters derives from its model.

    Attributes:
        name: in snapshots, keys, runs and state.
        package: import name of the package whose files are its ``code_version``; it holds the module that
            the import path names, and whatever else can change a decision.
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
        return next((one for one in decided.decisions if one.symbol == symbol), None)

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
        if candles.interval_seconds != parameters.interval_seconds:
            raise InvalidInputError(
                f"bars of {candles.interval_seconds} s do not suit parameters "
                f"for {parameters.interval_seconds} s", field="interval_seconds",
            )  # fmt: skip
        if self.series is not None and candles.symbols:
            yield from self.series(candles, state, parameters)
            return
        for last in range(parameters.bars - 1, len(candles.times)):
            closed = datetime.fromtimestamp(int(candles.times[last]) + candles.interval_seconds, UTC)
            seen = only_bars(candles, last - parameters.bars + 1, last + 1)
            decided = self.decide(seen, state, parameters, closed)
            state = decided.state
            yield decided

    @property
    def code_version(self) -> str:
        """A hash over the files of its package, 16 hex digits. Nothing outside it has a part."""
        return package_version(self.package)


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
    package_version(found.package)
    return found


def read_document(document: str) -> dict[str, Any]:
    """Return the content of a TOML or JSON document.

    Raises:
        ConfigurationError: it is neither, says a thing twice, or cannot be stored; ``field`` is the path
            where there is one.
    """
    try:
        if document.lstrip().startswith("{"):
            values = json.loads(document, object_pairs_hook=object_without_duplicates)
        else:
            values = tomllib.loads(document)
        check_values(values)
    except InvalidInputError as error:
        raise ConfigurationError(f"the parameter document: {error}", field=error.field) from None
    except RecursionError:
        raise ConfigurationError("the parameter document is nested too deeply") from None
    except ValueError as error:
        raise ConfigurationError(f"the parameter document is neither TOML nor JSON: {error}") from None
    return dict(values)


@lru_cache(maxsize=8)
def package_version(package: str) -> str:
    """Return a hash over a package's files by path and content, 16 hex digits.

    Raises:
        ConfigurationError: there is no such package; a single module is none.
    """
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise _wrong(f"{package!r} is no package, a folder with __init__.py")
    digest = sha256()
    root = Path(next(iter(spec.submodule_search_locations)))
    for relative in _package_files(root):
        content = (root / relative).read_bytes()
        digest.update(f"{relative.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def last_close(now: datetime, interval_seconds: int) -> datetime:
    """Return when the last closed bar ended, aware UTC."""
    return datetime.fromtimestamp(int(now.timestamp()) // interval_seconds * interval_seconds, UTC)


def sent_signals(decisions: Iterable[Decision]) -> dict[str, LastSignal]:
    """Return what the state has to remember of these decisions."""
    return {one.symbol: LastSignal(one.side, one.decided_at) for one in decisions if one.is_sent}


def only_symbol(candles: Candles, symbol: str) -> Candles:
    """Return the candles of one symbol; without a row, and with the reason, where it has none."""
    found = only_symbols(candles, [symbol])
    if found.symbols:
        return found
    return replace(found, refused={symbol: candles.refused.get(symbol, "unknown_symbol")})


def only_symbols(candles: Candles, symbols: Collection[str]) -> Candles:
    """Return the candles of some symbols; of spreads and refusals, only what is theirs."""
    rows = [row for row, symbol in enumerate(candles.symbols) if symbol in symbols]
    return replace(
        candles,
        symbols=tuple(candles.symbols[row] for row in rows),
        opens=candles.opens[rows],
        highs=candles.highs[rows],
        lows=candles.lows[rows],
        closes=candles.closes[rows],
        volumes=candles.volumes[rows],
        spreads={symbol: spread for symbol, spread in candles.spreads.items() if symbol in symbols},
        refused={symbol: reason for symbol, reason in candles.refused.items() if symbol in symbols},
    )


def only_bars(candles: Candles, first: int, end: int) -> Candles:
    """Return the candles of the bars from ``first`` to before ``end``, as positions in ``times``."""
    bars = slice(first, end)
    return replace(
        candles,
        times=candles.times[bars],
        opens=candles.opens[:, bars],
        highs=candles.highs[:, bars],
        lows=candles.lows[:, bars],
        closes=candles.closes[:, bars],
        volumes=candles.volumes[:, bars],
    )


def _jsonable(value: Any) -> Any:
    """Return a dumped model as JSON values; a set has no order of its own, so it gets one."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_jsonable(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return to_jsonable_python(value)


def _package_files(root: Path) -> list[Path]:
    """Return the files that count: as in the function's zip, neither hidden ones nor compiled ones."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted(
        path for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)
    )


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(f"strategy: {message}", field="strategy")
