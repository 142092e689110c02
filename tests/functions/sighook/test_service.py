"""A run publishes each decision once, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from functions.sighook.runs import Completed, Deployment, NotRun
from functions.sighook.service import Ports, run
from linkage.domain.errors import DeliveryError
from linkage.domain.keys import is_ours
from linkage.ports.market import Candles
from linkage.ports.sink import SinkReply
from strategies.matrix.indicators.registry import INDICATORS
from strategies.matrix.strategy import MATRIX
from tests.functions.sighook.fakes import NOON, ArrayMarket, FakeParameters, FakeSink, FakeStates, later, wave
from tests.support.clock import FrozenClock
from tests.support.fakes import FakeSignalStore

EASY = "score_buy_target = 3.0\nscore_sell_target = 3.0\nclean_bars = 10\n[weights]\ntouch = 1.5\n"


@dataclass
class World:
    """Everything around the runs."""

    clock: FrozenClock = field(default_factory=lambda: FrozenClock(NOON + timedelta(seconds=2)))
    sink: FakeSink = field(default_factory=FakeSink)
    states: FakeStates = field(default_factory=FakeStates)
    parameters: FakeParameters = field(default_factory=lambda: FakeParameters(EASY))
    market: ArrayMarket = field(
        default_factory=lambda: ArrayMarket({name: wave(name=name) for name in ("A-USD", "B-USD", "C-USD")})
    )
    deployment: Deployment = field(default_factory=lambda: Deployment("test", "paper", "paper", MATRIX))

    def __post_init__(self) -> None:
        self.store = FakeSignalStore(self.clock)

    @property
    def ports(self) -> Ports:
        """The ports of one process."""
        return Ports(self.market, self.store, self.sink, self.states, self.parameters, self.clock)

    def run(self, bars: int = 0) -> Completed | NotRun:
        """Run for noon plus so many bars."""
        return run(later(bars), self.deployment, self.ports)

    def completed(self, bars: int = 0) -> Completed:
        """Run, and expect that it runs."""
        outcome = self.run(bars)
        assert isinstance(outcome, Completed)
        return outcome


@pytest.fixture
def world() -> World:
    return World()


def test_a_run_posts_every_decision_with_all_its_evidence(world: World) -> None:
    completed = world.completed()

    assert completed.count("stored") == 3
    body = next(iter(world.sink.bodies.values()))
    assert is_ours(str(body["client_order_id"]))
    assert body["snapshot_id"] == str(completed.snapshot.snapshot_id)
    assert body["run_id"] == str(completed.run_id)
    assert (body["side"], body["trigger"], body["disposition"]) == ("buy", "score", "sent")
    assert body["signalled_at"] == "2026-11-22T12:00:00Z"
    assert body["bar_time"] == "2026-11-22T11:55:00Z"
    breakdown = body["indicator_breakdown"]
    assert isinstance(breakdown, dict)
    assert len(breakdown) == 2 * len(INDICATORS)
    assert set(breakdown["Buy RSI"]) == {"decision", "value", "threshold", "weight", "contribution"}
    assert {"Buy Touch", "Buy RSI"} <= set(body["indicators_fired"])  # type: ignore[call-overload]
    assert {"price", "notional", "take_profit", "stop_loss", "order_type", "arm", "propensity"} <= set(body)


def test_a_doubled_schedule_publishes_nothing_twice(world: World) -> None:
    world.completed()
    posts = len(world.sink.posts)

    assert world.run() == NotRun("repeated", 2.0)
    assert len(world.sink.posts) == posts


def test_two_runs_at_the_same_instant_post_the_same_signals(world: World) -> None:
    twin = World(sink=world.sink, states=FakeStates())
    world.completed()
    second = twin.completed()

    assert second.count("stored") == 0
    assert second.count("repeated") == 3
    assert len(world.sink) == 3


@dataclass
class Interrupted(ArrayMarket):
    """A market in which something else happens while the run waits for its candles."""

    meanwhile: Callable[[], object] = lambda: None

    def candles(self, symbols: Sequence[str], **asked: Any) -> Candles:
        """See ``ports.market.MarketData``."""
        self.meanwhile()
        return super().candles(symbols, **asked)


def while_waiting(world: World, meanwhile: Callable[[], object]) -> Ports:
    return replace(world.ports, market=Interrupted(world.market.closes, meanwhile=meanwhile))


def test_of_two_runs_at_once_the_one_that_ends_later_repeats_and_leaves_the_state_alone(world: World) -> None:
    outcome = run(NOON, world.deployment, while_waiting(world, world.completed))

    assert isinstance(outcome, Completed)
    assert (outcome.count("stored"), outcome.count("repeated")) == (0, 3)
    assert world.states.load("matrix", "main")[1] == 2


def test_a_run_that_finds_itself_completed_elsewhere_publishes_nothing(world: World) -> None:
    class Racing(FakeStates):
        def load(self, strategy: str, arm: str) -> tuple[str | None, int]:
            found = super().load(strategy, arm)
            if not self.kept and not raced:
                raced.append(True)
                world.completed()
            return found

    raced: list[bool] = []
    world.states = Racing()

    assert run(NOON, world.deployment, world.ports) == NotRun("repeated", 2.0)
    assert len(world.sink.posts) == 3


def test_two_runs_at_once_have_the_parameters_of_the_first_whatever_each_of_them_read(world: World) -> None:
    def other() -> None:
        world.parameters.text = EASY.replace("score_buy_target = 3.0", "score_buy_target = 2.9")
        world.completed()

    outcome = run(NOON, world.deployment, while_waiting(world, other))

    assert isinstance(outcome, Completed)
    assert outcome.count("repeated") == len(world.sink) == 3


def test_the_end_of_a_run_is_kept_although_its_twin_failed_in_the_meantime(world: World) -> None:
    def other() -> None:
        world.sink.failures = {"B-USD"}
        with pytest.raises(DeliveryError):
            world.run()
        world.sink.failures = set()

    assert isinstance(run(NOON, world.deployment, while_waiting(world, other)), Completed)
    assert world.run() == NotRun("repeated", 2.0)


def test_a_run_that_died_without_a_word_is_repeated_with_the_parameters_it_began_with(world: World) -> None:
    class Mortal(FakeSink):
        def post(self, body: Mapping[str, object]) -> SinkReply:
            if len(self) == 2:
                raise MemoryError
            return super().post(body)

    world.sink = Mortal()
    with pytest.raises(MemoryError):
        world.run()
    world.sink = FakeSink(bodies=world.sink.bodies)
    world.parameters.text = EASY.replace("score_buy_target = 3.0", "score_buy_target = 2.9")

    assert world.completed().count("stored") == 1
    assert len({body["snapshot_id"] for body in world.sink.bodies.values()}) == 1


def test_a_refused_signal_is_not_remembered_as_the_symbols_last(world: World) -> None:
    world.sink.refused = {"B-USD"}
    world.completed()
    text, _ = world.states.load("matrix", "main")

    assert text is not None
    assert set(json.loads(text)["symbols"]) == {"A-USD", "C-USD"}


def test_a_run_that_failed_half_way_posts_only_the_same_signals_again(world: World) -> None:
    world.sink.failures = {"B-USD"}
    with pytest.raises(DeliveryError):
        world.run()
    assert len(world.sink) == 2

    world.sink.failures = set()
    completed = world.completed()

    assert (completed.count("stored"), completed.count("repeated")) == (1, 2)
    assert len(world.sink) == 3


def test_a_half_finished_run_goes_on_with_the_parameters_that_it_began_with(world: World) -> None:
    world.sink.failures = {"B-USD"}
    with pytest.raises(DeliveryError):
        world.run()
    world.sink.failures = set()
    world.parameters.text = EASY.replace("score_buy_target = 3.0", "score_buy_target = 2.9")

    assert world.completed().count("repeated") == 2
    assert len({body["snapshot_id"] for body in world.sink.bodies.values()}) == 1


def test_the_snapshot_is_published_before_the_first_signal_and_not_at_every_run(world: World) -> None:
    seen: list[int] = []

    class Watching(FakeSink):
        def post(self, body):  # type: ignore[no-untyped-def]
            seen.append(len(world.store))
            return super().post(body)

    world.sink = Watching()
    world.completed()

    assert seen[0] == 1
    kinds = [item.kind for item in world.store.recent(["2026-11-22T12"])]
    assert sorted(kinds) == ["run", "snapshot"]


def test_another_document_is_another_snapshot_from_the_next_run_on(world: World) -> None:
    first = world.completed()
    world.market.end = later(1)
    world.market.closes = {name: [*closes, closes[-1] - 1] for name, closes in world.market.closes.items()}
    world.clock.advance(timedelta(minutes=5))
    world.parameters.text = EASY + "rsi = 2.6\n"
    second = world.completed(1)

    assert first.snapshot.snapshot_id != second.snapshot.snapshot_id
    assert second.count("stored") > 0


def test_a_bad_document_keeps_the_parameters_that_were_in_force_and_names_the_field(world: World) -> None:
    first = world.completed()
    world.parameters.text = EASY + "rsy = 2.6\n"
    world.market.end = later(1)
    world.clock.advance(timedelta(minutes=5))
    second = world.completed(1)

    assert second.invalid_parameters is not None
    assert second.invalid_parameters.field == "weights.rsy"
    assert second.snapshot.snapshot_id == first.snapshot.snapshot_id


def test_a_late_run_publishes_nothing_unless_it_is_a_replay(world: World) -> None:
    world.clock.advance(timedelta(minutes=6))
    outcome = world.run()

    assert isinstance(outcome, NotRun)
    assert outcome.reason == "late"
    assert len(world.sink) == 0

    world.deployment = replace(world.deployment, replay=True)
    assert world.completed().count("stored") == 3


def test_a_run_before_its_time_or_before_a_later_one_publishes_nothing(world: World) -> None:
    assert world.run(1) == NotRun("early", -298.0)
    world.completed()
    world.deployment = replace(world.deployment, replay=True)
    assert isinstance(outcome := world.run(-1), NotRun)
    assert outcome.reason == "superseded"


def test_suppressed_signals_are_published_with_their_guardrail_within_a_bound(world: World) -> None:
    world.parameters.text = "exclusions = ['A-USD', 'B-USD']\n" + EASY
    world.deployment = replace(world.deployment, max_suppressed_per_run=1)
    completed = world.completed()

    suppressed = [body for body in world.sink.bodies.values() if body["disposition"] == "suppressed"]
    assert [body["guardrail"] for body in suppressed] == ["excluded_symbol"]
    assert completed.suppressed == {"excluded_symbol": 2}
    assert completed.unpublished == 1
    assert completed.count("stored") == 1


def test_a_key_that_is_published_with_other_evidence_is_counted_and_its_difference_told(world: World) -> None:
    world.completed()
    world.states.kept.clear()
    world.market.closes["A-USD"] = [
        *world.market.closes["A-USD"][:-1],
        world.market.closes["A-USD"][-1] - 0.01,
    ]
    completed = world.completed()

    assert completed.count("conflict") == 1
    assert completed.count("repeated") == 2


def test_a_symbol_that_cannot_be_traded_is_skipped_with_its_reason(world: World) -> None:
    world.market.closes["D-USD"] = [1.0] * 20
    world.deployment = replace(world.deployment, symbols="A-USD, D-USD,E-USD")

    assert world.completed().skipped == {"D-USD": "too_few_bars", "E-USD": "unknown_symbol"}


def test_a_run_is_recorded_once_with_its_counts(world: World) -> None:
    completed = world.completed()
    runs = [json.loads(item.body) for item in world.store.recent(["2026-11-22T12"]) if item.kind == "run"]

    assert len(runs) == 1
    assert runs[0]["run_id"] == str(completed.run_id)
    assert (runs[0]["signals_sent"], runs[0]["symbols_seen"]) == (3, 3)


def test_every_posted_decision_can_be_recomputed_from_its_snapshot(world: World) -> None:
    completed = world.completed()
    candles = world.market.candles(world.market.symbols(), as_of=NOON, bars=300, interval_seconds=300)
    for body in world.sink.bodies.values():
        decision = MATRIX.recompute(body, completed.snapshot.parameters, candles)
        assert decision is not None
        assert decision.side == body["side"]
        assert (str(decision.buy_score), str(decision.sell_score)) == (body["buy_score"], body["sell_score"])


ARMS = EASY.replace(
    "[weights]", "[arms.main]\nshare = 0.5\n[arms.other]\nshare = 0.5\ncooldown_bars = 1\n[weights]"
)


@pytest.fixture
def two_arms(world: World) -> World:
    world.parameters.text = ARMS
    world.market.closes = {name: wave(name="A-USD") for name in (f"{letter}-USD" for letter in "ABCDEFGH")}
    return world


def runs_of(world: World) -> dict[str, dict[str, Any]]:
    items = world.store.recent(["2026-11-22T12"])
    return {(body := json.loads(item.body))["arm"]: body for item in items if item.kind == "run"}


def test_each_symbol_is_decided_by_one_arm_and_its_signal_says_by_which(two_arms: World) -> None:
    completed = two_arms.completed()

    bodies = list(two_arms.sink.bodies.values())
    assert len(bodies) == completed.seen == 8
    assert {body["arm"] for body in bodies} == {"main", "other"}
    assert {body["propensity"] for body in bodies} == {"0.5"}
    by_arm = {arm.name: str(arm.snapshot.snapshot_id) for arm in completed.arms}
    assert len(set(by_arm.values())) == 2
    assert all(body["snapshot_id"] == by_arm[str(body["arm"])] for body in bodies)
    snapshots = [item for item in two_arms.store.recent(["2026-11-22T12"]) if item.kind == "snapshot"]
    assert len(snapshots) == 2


def test_each_arm_has_a_run_record_with_its_own_counts(two_arms: World) -> None:
    completed = two_arms.completed()

    runs = runs_of(two_arms)
    assert runs.keys() == {"main", "other"}
    assert all(run["arms"] == ["main", "other"] for run in runs.values())
    assert runs["main"]["run_id"] == str(completed.run_id) != runs["other"]["run_id"]
    assert sum(run["signals_sent"] for run in runs.values()) == 8
    run_ids = {str(body["run_id"]) for body in two_arms.sink.bodies.values()}
    assert run_ids == {run["run_id"] for run in runs.values()}


def test_a_run_with_arms_that_failed_half_way_chooses_the_same_arms_again(two_arms: World) -> None:
    two_arms.sink.failures = {"B-USD", "C-USD"}
    with pytest.raises(DeliveryError):
        two_arms.run()
    two_arms.sink.failures = set()
    completed = two_arms.completed()

    assert (completed.count("stored"), completed.count("repeated"), completed.count("conflict")) == (2, 6, 0)
    assert len(two_arms.sink) == 8


def test_all_arms_share_one_memory_of_the_last_signals(two_arms: World) -> None:
    two_arms.completed()
    text, _ = two_arms.states.load("matrix", "main")

    assert text is not None
    assert set(json.loads(text)["symbols"]) == set(two_arms.market.closes)


def test_a_run_after_an_arm_was_removed_says_which_arms_are_left(two_arms: World) -> None:
    two_arms.completed()
    two_arms.parameters.text = EASY
    two_arms.market.end = later(1)
    two_arms.clock.advance(timedelta(minutes=5))
    two_arms.completed(1)

    assert runs_of(two_arms)["main"]["arms"] == ["main"]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ("rsy_buy = 30", "rsy_buy"),
        ('rsi_buy = "30"', "rsi_buy"),
        ("rsi_buy = 130", "rsi_buy"),
        (ARMS.replace("cooldown_bars = 1", "cooldown_bars = -1"), "arms.other.cooldown_bars"),
    ],
)
def test_whatever_is_wrong_with_a_document_the_last_good_one_stays_in_force(
    world: World, document: str, field: str
) -> None:
    first = world.completed()
    world.parameters.text = document
    world.market.end = later(1)
    world.clock.advance(timedelta(minutes=5))
    second = world.completed(1)

    assert second.invalid_parameters is not None
    assert second.invalid_parameters.field == field
    assert second.snapshot.snapshot_id == first.snapshot.snapshot_id
