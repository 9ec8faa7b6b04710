"""The cover meets every demand, is no dearer than all cases, and what it stores is what it read."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from conformance.case.model import Case
from conformance.quick import catches, seconds
from conformance.quick.cover import Demands
from conformance.quick.levels import CAUGHT, PLAINLY, SURELY
from conformance.quick.seconds import OWN, Times
from conformance.results.record import Record

TABLES = arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 8)), elements=st.integers(0, 3))
COSTS = st.lists(st.floats(0.01, 10.0), min_size=9, max_size=9)


@given(TABLES, COSTS)
def test_every_mistake_is_caught_twice_and_as_surely_as_it_can_be(levels, costs):
    chosen = Demands(levels).cover(np.array(costs[: len(levels)]))
    assert len(set(chosen)) == len(chosen)
    for mistake in range(levels.shape[1]):
        best, ours = (sorted(levels[rows, mistake], reverse=True)[:2] for rows in (slice(None), chosen))
        assert [level for level in best if level] == [level for level in ours if level]


@given(TABLES, COSTS)
def test_no_case_is_superfluous(levels, costs):
    demands = Demands(levels)
    chosen = demands.cover(np.array(costs[: len(levels)]))
    for left_out in chosen:
        rest = [case for case in chosen if case != left_out]
        assert np.any(demands.met[rest].sum(axis=0) < demands.needed)


@given(TABLES, COSTS, st.floats(0.0, 20.0))
def test_a_budget_is_kept_and_each_mistake_comes_once_before_any_comes_twice(levels, costs, budget):
    cost = np.array(costs[: len(levels)])
    chosen = Demands(levels).cover(cost, budget)
    assert cost[chosen].sum() <= budget + 1e-9
    if cost[Demands(levels).cover(cost)].sum() <= budget:
        assert sorted(chosen) == sorted(Demands(levels).cover(cost))


def test_the_cheap_case_is_taken_and_the_dear_one_only_for_what_it_alone_shows():
    levels = np.array([[3, 3, 0], [3, 3, 0], [3, 3, 0], [0, 0, 3]], dtype=np.uint8)
    assert set(Demands(levels).cover(np.array([5.0, 1.0, 1.0, 9.0]))) == {1, 2, 3}
    assert Demands(levels).cover(np.array([5.0, 1.0, 1.0, 9.0]), 1.5) in ([1], [2])


def test_the_cheapest_cover_of_small_tables_is_nearly_found():
    random = np.random.default_rng(3)
    ours = best = 0.0
    for _ in range(20):
        levels = (3 * (random.random((9, 12)) < 0.3)).astype(np.uint8)
        cost = random.random(9) + 0.1
        demands = Demands(levels)
        ours += cost[demands.cover(cost)].sum()
        best += min(
            cost[list(some)].sum()
            for k in range(10)
            for some in itertools.combinations(range(9), k)
            if np.all(demands.met[list(some)].sum(axis=0) >= demands.needed)
        )
    assert ours < 1.1 * best


def test_the_surest_case_is_asked_for_first():
    levels = np.array([[CAUGHT], [CAUGHT], [SURELY], [PLAINLY]], dtype=np.uint8)
    assert set(Demands(levels).cover(np.array([1.0, 1.0, 5.0, 9.0]))) == {2, 3}


def test_of_no_cases_and_of_cases_that_show_nothing_none_is_taken():
    for shape in ((0, 3), (2, 0), (2, 3)):
        demands = Demands(np.zeros(shape, dtype=np.uint8))
        assert demands.cover(np.ones(shape[0])) == demands.reasons([]) == []
        assert demands.cover(np.ones(shape[0]), 0.5) == []


@settings(max_examples=30)
@given(TABLES)
def test_a_table_reads_as_it_was_written(levels):
    names = [f"mistake-{n}" for n in range(levels.shape[1])]
    found = {
        1000 + row: {name: int(level) for name, level in zip(names, of_case, strict=True) if level}
        for row, of_case in enumerate(levels)
    }
    table = catches.table(7, names[:1], names[1:], found)
    again = catches.Catches.from_bytes(table.to_bytes())
    assert (again.seed, again.catalogue, again.sampled) == (7, (names[0],), tuple(names[1:]))
    assert np.array_equal(again.of([*found, 5]), [*levels, np.zeros(len(names))])


@pytest.mark.parametrize("damage", [b"", b"no table", lambda data: data[:-40], lambda data: data[:60]])
def test_a_damaged_table_is_refused(tmp_path, damage):
    data = catches.table(7, ["one"], [], {n: {"one": 3} for n in range(400)}).to_bytes()
    (tmp_path / catches.NAME).write_bytes(damage(data) if callable(damage) else damage)
    with pytest.raises(catches.ConformanceError, match="conformance generate"):
        catches.read(tmp_path)


def test_times_read_as_they_were_written_within_a_few_percent(tmp_path):
    known = {1: 0.0, 2: None, 3: 0.5, 4: 42.0}
    seconds.write(tmp_path, {"acme": Times(known)}, [1, 2, 3, 4, 5])
    again = seconds.read(tmp_path)["acme"].seconds
    assert again.keys() == known.keys()
    assert again[2] is None
    assert again[1] < 0.001
    assert all(math.isclose(again[key], known[key], rel_tol=0.03) for key in (3, 4))


def test_what_a_case_costs_is_what_was_measured_or_else_grows_with_its_size():
    small, large = (Case(id="a/b", seed=1, T=T, B=2, I=3, H=4) for T in (1, 100))
    results = [
        Record(case=case, adapter="here:acme@npu", dtype="float32", outcome=outcome, seconds=taken)
        for case, outcome, taken in (
            ("a/one", "passed", 2.0),
            ("a/two", "unsupported", 0.1),
            ("b/other", "passed", 3.0),
        )
    ]
    (times,) = seconds.measured(results, {"a/one": 1, "a/two": 2}).values()
    assert times.of(small, 1) == 2.0 + OWN
    assert times.of(small, 2) is None
    assert times.of(large, 3) > times.of(small, 3) > 2.0
    assert seconds.UNKNOWN.of(small, 1) < 0.01
