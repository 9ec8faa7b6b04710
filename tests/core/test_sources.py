"""Each source of numbers gives what it says, from the seed that counts."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from made_arrays import arrays, tensors

from conformance.case.dtypes import DTypeName

UNIFORM_X = {"uniform": {"low": -8.0, "high": 8.0}}

# Seeds.


def x_of(**fields: Any) -> bytes:
    return arrays(**fields).inputs.x.tobytes()


def test_a_case_s_numbers_come_from_its_id_unless_it_has_a_seed() -> None:
    assert x_of() == x_of()
    assert x_of(id="fam/b") != x_of()
    assert x_of(id="fam/b", seed=1) == x_of(seed=1)
    assert x_of(seed=2) != x_of(seed=1)


@pytest.mark.parametrize(
    "source",
    [
        {"uniform": {"low": 0.0, "high": 1.0}},
        {"uniform": {"gain": 2.0}},
        {"integers": {"low": 0, "high": 10**6}},
        {"normal": {}},
    ],
)
def test_a_source_s_own_seed_wins(source: dict[str, Any]) -> None:
    if "normal" in source:
        pytest.importorskip("flint")
    seeded = {kind: options | {"seed": 7} for kind, options in source.items()}
    assert x_of(x=seeded, seed=1) == x_of(x=seeded, seed=2) == x_of(x=source, seed=7)
    assert x_of(x=source, seed=1) != x_of(x=source, seed=2)


def test_a_keras_source_s_own_seed_wins() -> None:
    def W(seed: int | None, of_case: int) -> bytes:
        weights = {"W": {"keras": "glorot_uniform", "seed": seed}}
        return arrays(weights=weights, seed=of_case).weights.rows[0].W.tobytes()

    assert W(7, 1) == W(7, 2) == W(None, 7) != W(None, 1)


# Each source.


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_default_biases_have_an_exact_sum(dtype: DTypeName) -> None:
    row = arrays(H=200, dtype=dtype).weights.rows[0]
    assert row.b_w is not None and row.b_r is not None
    b_w, b_r = row.b_w.astype(np.float64), row.b_r.astype(np.float64)
    assert np.array_equal(row.bias.astype(np.float64), b_w + b_r)
    assert np.array_equal((row.b_w + row.b_r).astype(np.float64), b_w + b_r)
    assert len(np.unique(b_w)) > 80 and np.max(np.abs(b_w)) > 0.9


@pytest.mark.parametrize(("grid", "step"), [(0, 1.0), (2, 0.25), (10, 2.0**-10)])
def test_a_grid_rounds_to_its_multiples(grid: int, step: float) -> None:
    fine = arrays(x=UNIFORM_X, dtype="float64", T=50).inputs.x
    coarse = arrays(x={"uniform": {"low": -8.0, "high": 8.0, "grid": grid}}, dtype="float64", T=50).inputs.x
    assert np.array_equal(coarse / step, np.rint(coarse / step))
    assert np.max(np.abs(coarse - fine)) <= step / 2
    assert np.max(np.abs(coarse - fine)) > step / 4


@pytest.mark.parametrize(("field", "n"), [("W", 50), ("R", 20)])
def test_a_gain_is_divided_by_the_root_of_the_last_axis(field: str, n: int) -> None:
    made = tensors(I=50, H=20, dtype="float64", weights={field: {"uniform": {"gain": 3.0}}})[f"weights.{field}.0"]
    limit = 3 / math.sqrt(n)
    assert 0.99 * limit < made.max() <= limit and -limit <= made.min() < -0.99 * limit


def test_a_range_need_not_be_about_zero() -> None:
    made = arrays(T=200, x={"uniform": {"low": 10.0, "high": 10.5}}).inputs.x
    assert 10 <= made.min() < 10.01
    assert 10.49 < made.max() <= 10.5


def test_whole_numbers_include_both_ends() -> None:
    made = arrays(T=100, x={"integers": {"low": -1, "high": 2}}).inputs.x
    assert set(np.unique(made)) == {-1, 0, 1, 2}


def test_a_ramp_counts_in_row_major_order_and_rounds_once() -> None:
    made = arrays(dtype="float64", x={"ramp": {"first": -4, "divisor": 7}}).inputs.x
    assert made.ravel().tolist() == [float(Fraction(n, 7)) for n in range(-4, 20)]
    rounded = arrays(dtype="float16", x={"ramp": {"first": -4, "divisor": 7}}).inputs.x
    assert rounded.ravel().tolist() == [float(np.float16(n / 7)) for n in range(-4, 20)]


def test_a_constant_fills_a_tensor() -> None:
    made = tensors(h0={"constant": "1/3"}, dtype="float64")
    assert np.unique(made["inputs.h0"]).tolist() == [1 / 3]


def test_values_stand_as_they_are_given() -> None:
    given = [[[0.1, 2, 3], [4, 5, 6]]] * 4
    made = arrays(x={"values": given}).inputs.x
    assert made.dtype == np.float32 and np.array_equal(made, np.array(given, np.float32))


def test_values_are_given_once_for_all_rows_or_one_for_each() -> None:
    one = [[10.0 * gate + unit for unit in range(5)] for gate in range(4)]
    each = [[[100.0 * row + number for number in gate] for gate in one] for row in range(4)]
    shared = arrays(layers=2, direction="bidirectional", weights={"b_w": {"values": one}}).weights.rows
    assert [row.b_w.tolist() for row in shared] == [one] * 4  # type: ignore[union-attr]
    own = arrays(layers=2, direction="bidirectional", weights={"b_w": {"values": each}}).weights.rows
    assert [row.b_w.tolist() for row in own] == each  # type: ignore[union-attr]


def test_a_normal_source_has_its_mean_and_deviation() -> None:
    pytest.importorskip("flint")
    plain = arrays(T=40, dtype="float64", x={"normal": {}}).inputs.x
    moved = arrays(T=40, dtype="float64", x={"normal": {"mean": 5.0, "deviation": 0.25}}).inputs.x
    assert np.array_equal(moved, 5.0 + 0.25 * plain)
