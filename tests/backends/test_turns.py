"""Times taken in turns, and what is chosen by them: all times are those of a clock that the test turns itself."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from adaptc.compiler.plan.descent import ROUNDS, Graphs, descend
from adaptc.compiler.plan.turns import FEWEST, MOST, Difference, Times, Visit, take_turns


class Machine:
    """Candidates that take as long as `prices` says by path, in µs, but for up to `noise` of it; the clock stands still
    while nothing runs."""

    def __init__(self, prices: Sequence[Sequence[float]], noise: float = 0.0) -> None:
        self.prices = prices
        self.now = 0.0
        self.order: list[tuple[int, int]] = []
        self._noise = noise
        self._random = Random(0)

    def clock(self) -> int:
        return int(self.now * 1000)

    def turns(self, weights: Sequence[float], seconds: float = 100.0, least: float = 0.0) -> Times:
        visits = [self._visit(candidate) for candidate in range(len(self.prices))]
        return take_turns(visits, weights, seconds, self.clock, least)

    def _visit(self, candidate: int) -> Visit:
        def visit(path: int, turn: int, calls: int) -> list[float]:
            self.order.append((path, candidate))
            price = self.prices[candidate][path]
            times = [price * (1 + self._noise * self._random.uniform(-1, 1)) for _ in range(calls)]
            self.now += sum(times)
            return times

        return visit


def test_the_expected_time_is_the_mean_over_the_inputs_of_the_medians_of_their_paths() -> None:
    times = Times([[[10.0, 12.0, 90.0], [100.0, 100.0, 101.0]]], [0.75, 0.25])
    assert times.expected(0) == pytest.approx(0.75 * 12 + 0.25 * 100)
    assert times.turns == 3


def test_candidates_alternate_and_each_turn_begins_with_another() -> None:
    machine = Machine([[10.0], [20.0], [30.0]])
    machine.turns([1.0])
    first = [candidate for _, candidate in machine.order[3 : 3 + 3 * 3]]
    assert first == [0, 1, 2, 1, 2, 0, 2, 0, 1]


def test_a_clear_difference_ends_the_turns() -> None:
    times = Machine([[100.0], [120.0]], noise=0.05).turns([1.0])
    assert times.turns == FEWEST
    difference = times.difference(1, 0)
    assert difference.is_clear
    assert difference.size == pytest.approx(20, abs=5)


def test_turns_go_on_for_the_least_time_even_where_a_difference_is_clear() -> None:
    machine = Machine([[100.0], [120.0]])
    times = machine.turns([1.0], least=1.0)
    assert machine.now >= 1e6
    assert times.turns > FEWEST


def test_turns_are_added_until_equal_candidates_are_clearly_alike() -> None:
    noisy = Machine([[100.0], [100.0]], noise=0.2).turns([1.0])
    quiet = Machine([[100.0], [100.0]], noise=0.002).turns([1.0])
    assert quiet.turns == FEWEST < noisy.turns < MOST
    assert abs(noisy.difference(1, 0).size) + noisy.difference(1, 0).noise < 1.0


def test_the_time_ends_turns_that_settle_nothing() -> None:
    machine = Machine([[100.0], [101.0]], noise=0.5)
    times = machine.turns([1.0], seconds=0.5)
    assert 0.5e6 < machine.now < 0.6e6
    assert not times.is_settled()


def test_slow_candidates_get_the_fewest_turns_all_the_same() -> None:
    times = Machine([[3e6], [3e6]], noise=0.5).turns([1.0], seconds=1.0)
    assert times.turns == FEWEST


def test_what_slows_the_whole_machine_is_no_noise_of_a_difference() -> None:
    load = [1.0, 3.0, 1.5, 2.0, 1.0, 2.5, 4.0]
    times = Times([[[100.0 * each for each in load]], [[100.0 * each + 5 for each in load]]], [1.0])
    assert times.difference(1, 0) == Difference(pytest.approx(5.0), pytest.approx(0.0))  # type: ignore[arg-type]


class Ways:
    """Ways to run a program with regions a, b, c, which take what `price` says; notes what is timed."""

    def __init__(self, price: dict[str, float], together: float = 0.0, spread: float = 0.0) -> None:
        self.rounds: list[list[Graphs]] = []
        self._price = price
        self._together = together
        self._spread = spread

    def time(self, ways: Sequence[Graphs]) -> Times:
        self.rounds.append(list(ways))
        ends = (-self._spread, self._spread)
        return Times([[[self.of(way) + (ends[turn % 2] if way else 0) for turn in range(8)]] for way in ways], [1.0])

    def of(self, way: Graphs) -> float:
        return 100.0 + sum(self._price[region] for region in way) + (self._together if len(way) > 1 else 0.0)


def test_one_region_takes_the_faster_way_and_both_are_told() -> None:
    for first in (frozenset[str](), frozenset({"a"})):
        ways = Ways({"a": -10.0})
        found = descend(first, ["a"], ways.time)
        assert found.graphs == {"a"}
        assert (found.measured["a"].graph, found.measured["a"].blocks) == (90.0, 100.0)
        assert (found.ways, found.turns, len(ways.rounds)) == (2, 8, 1)


@pytest.mark.parametrize("first", [frozenset[str](), frozenset({"a"})])
def test_a_tie_stays_with_the_expected_cost(first: Graphs) -> None:
    assert descend(first, ["a"], Ways({"a": -0.9}).time).graphs == first
    assert descend(first, ["a"], Ways({"a": 0.9}).time).graphs == first


@pytest.mark.parametrize("first", [frozenset[str](), frozenset({"a"})])
def test_a_difference_within_the_noise_stays_with_the_expected_cost(first: Graphs) -> None:
    assert descend(first, ["a"], Ways({"a": -8.0}, spread=30.0).time).graphs == first


def test_every_region_that_is_faster_changes_and_what_comes_of_it_is_measured() -> None:
    ways = Ways({"a": -10.0, "b": -5.0, "c": 20.0})
    found = descend(frozenset({"c"}), ["a", "b", "c"], ways.time)
    assert found.graphs == {"a", "b"}
    assert ways.rounds[1] == [{"a", "b"}, {"b"}, {"a"}, {"a", "b", "c"}]
    assert (found.measured["c"].graph, found.measured["c"].blocks) == (105.0, 85.0)
    assert len(ways.rounds) == 2


def test_changes_that_are_slower_together_are_taken_back() -> None:
    ways = Ways({"a": -10.0, "b": -5.0}, together=12.0)
    assert descend(frozenset(), ["a", "b"], ways.time).graphs == {"a"}
    ways = Ways({"a": -10.0, "b": -10.0}, together=30.0)  # round after round all change or none
    assert len(descend(frozenset(), ["a", "b"], ways.time).graphs) == 1
    assert len(ways.rounds) == ROUNDS


def test_the_number_of_ways_is_bounded() -> None:
    names = [f"r{number}" for number in range(8)]
    ways = Ways(dict.fromkeys(names, -5.0), together=500.0)
    found = descend(frozenset(), names, ways.time)
    assert found.ways <= ROUNDS * (len(names) + 1)
    assert all(len(timed) == len(names) + 1 for timed in ways.rounds)
