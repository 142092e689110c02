"""The inputs of a backtest: the parameters, the candles, the period, the venue, and a hash of each."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from linkage.adapters.markets.files import FileMarket
from linkage.adapters.markets.selection import SelectedMarket
from linkage.domain.canonical import canonical_json
from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.paper import Rules
from linkage.domain.snapshots import Snapshot
from linkage.domain.universe import parse_universe
from linkage.ports.market import Candles
from linkage.strategy.arms import Arm, parse_arms
from linkage.strategy.parameters import StrategyParameters
from linkage.strategy.plugin import Strategy

_RULES: TypeAdapter[Rules] = TypeAdapter(Rules)


@dataclass(frozen=True, slots=True)
class Request:
    """What a backtest is to try.

    Attributes:
        folder: of ``BASE-QUOTE_5m.csv.gz`` files.
        strategy: what decides. document: its parameters as TOML or JSON; None for the defaults.
        arm: which set, where the document has several; it then decides on every bar.
        symbols: which of the folder's, as in ``parse_universe``: a part of the snapshot, as a stage's are.
        start, end: of the decisions, aware UTC, half-open; None is as early, as late, as the candles allow.
        rules: of the venue. seed: of what the venue leaves to chance.
    """

    folder: Path
    strategy: Strategy[Any]
    document: str | None = None
    arm: str | None = None
    symbols: str = "*"
    start: datetime | None = None
    end: datetime | None = None
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A request whose every part is there and valid.

    Attributes:
        candles: what the first decision looks back at, and all bars of the period.
        start, end: of the decisions; the first one can be at ``start``, none is at ``end`` or later.
        data_hash: SHA-256 of the candles and of how the venue behaves: all that is not a parameter.
    """

    strategy: Strategy[Any]
    parameters: StrategyParameters
    snapshot: Snapshot
    candles: Candles
    start: datetime
    end: datetime
    rules: Rules
    seed: int
    data_hash: str

    @property
    def bars(self) -> int:
        """How many bars have a decision."""
        return len(self.candles.times) - self.parameters.bars + 1


def open_history(request: Request) -> History:
    """Read everything that a request names.

    Raises:
        ConfigurationError: the parameters are wrong; names the field.
        InvalidInputError: there are no candles, or too few of them for the period; names the option.
    """
    chosen = _arm(request)
    parameters = chosen.parameters
    interval = parameters.interval_seconds
    if not request.folder.is_dir():
        raise InvalidInputError(f"--candles: {request.folder} is no folder", "candles")
    market, universe = FileMarket(request.folder), parse_universe(request.symbols)
    symbols = universe.symbols or SelectedMarket(market, universe).symbols()
    if not symbols:
        raise InvalidInputError(
            f"--candles: {request.folder} has no BASE-QUOTE_5m.csv.gz of the symbols {universe}", "candles"
        )
    length = timedelta(seconds=interval)
    warm_up = length * parameters.bars
    earliest, latest = market.first_open(interval) + warm_up, market.last_close(interval) + length
    start = _on_grid(max(request.start or earliest, earliest), interval)
    end = _on_grid(min(request.end or latest, latest), interval)
    if start >= end:
        raise InvalidInputError(
            f"--from and --to leave nothing: with {parameters.bars} bars to look back at, decisions are "
            f"possible from {earliest:%Y-%m-%dT%H:%M} to before {latest:%Y-%m-%dT%H:%M} (UTC)",
            "from",
        )
    last = end - length
    candles = market.candles(
        symbols, as_of=last, bars=(last - start) // length + parameters.bars, interval_seconds=interval
    )
    if not candles.symbols:
        reasons = ", ".join(f"{symbol}: {reason}" for symbol, reason in sorted(candles.refused.items()))
        raise InvalidInputError(f"--candles: no file can be used ({reasons})", "candles")
    return History(
        strategy=request.strategy,
        parameters=parameters,
        snapshot=request.strategy.snapshot(parameters, symbols=str(universe), label=chosen.label),
        candles=candles,
        start=start,
        end=end,
        rules=request.rules,
        seed=request.seed,
        data_hash=hash_of(candles, request.rules, request.seed),
    )


def _arm(request: Request) -> Arm:
    arms = {arm.name: arm for arm in parse_arms(request.strategy, request.document or "")}
    if request.arm is None and len(arms) == 1:
        return next(iter(arms.values()))
    if request.arm not in arms:
        raise InvalidInputError(f"--arm: the parameters have {', '.join(arms)}; name one of them", "arm")
    return arms[request.arm]


def parse_rules(document: str) -> Rules:
    """Return the venue's rules of a TOML document; what it does not name stays as it is.

    Raises:
        ConfigurationError: names the field.
    """
    try:
        values = tomllib.loads(document)
    except ValueError as error:
        raise ConfigurationError(f"the venue's rules are not TOML: {error}") from None
    defaults = asdict(Rules())
    if unknown := sorted(set(values) - set(defaults)):
        raise ConfigurationError(f"{unknown[0]}: no rule of the venue has this name", field=unknown[0])
    try:
        return _RULES.validate_python(defaults | {name: _exact(value) for name, value in values.items()})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{field}: {first['msg']}", field=field) from None


def hash_of(candles: Candles, rules: Rules, seed: int) -> str:
    """Return the SHA-256 of candles and venue, in hex."""
    digest = hashlib.sha256()
    venue = {name: _plain(value) for name, value in asdict(rules).items()}
    digest.update(canonical_json({"rules": venue, "seed": seed}).encode())
    digest.update(f"{candles.interval_seconds}|{'|'.join(candles.symbols)}".encode())
    digest.update(candles.times.astype("<i8").tobytes())
    for values in (candles.opens, candles.highs, candles.lows, candles.closes, candles.volumes):
        digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


def _on_grid(moment: datetime, interval_seconds: int) -> datetime:
    seconds = -int(-moment.timestamp() // interval_seconds) * interval_seconds
    return datetime.fromtimestamp(seconds, UTC)


def _exact(value: object) -> object:
    """A float of a document is the decimal that was written there."""
    return str(value) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: str(member) for name, member in value.items()}
    return str(value)
