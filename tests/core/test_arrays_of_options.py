"""The arrays that come of a case's options: shapes, sources by default, mask, padding and poison."""

import math

import numpy as np
import pytest
from option_cases import a_case

from conformance.golden.inputs import make_arrays


def test_shapes_of_the_new_weights() -> None:
    case = a_case(P=2, projection_bias=True, peephole=True, layer_norm="nnapi", layers=2, direction="bidirectional")
    shapes = case.weight_shapes
    assert {name: shapes[f"{name}.3"] for name in ("W", "R", "peephole", "projection", "projection_bias", "gamma")} == {
        "W": (4, 5, 4),
        "R": (4, 5, 2),
        "peephole": (3, 5),
        "projection": (2, 5),
        "projection_bias": (2,),
        "gamma": (4, 5),
    }
    assert (case.input_shapes["h0"], case.input_shapes["c0"]) == ((4, 2, 2), (4, 2, 5))
    assert case.outputs == {"y": (4, 2, 4), "h_n": (4, 2, 2), "c_n": (4, 2, 5)}
    row = make_arrays(case).weights.rows[3]
    assert row.peephole is not None and row.gamma is not None and row.beta is None


def test_default_sources_of_the_new_weights() -> None:
    cell = a_case(H=50, P=40, projection_bias=True, peephole=True, layer_norm="nnapi", dtype="float64")
    norm = a_case(H=50, layer_norm="basic-lstm-cell", bias=False, dtype="float64")
    flat = make_arrays(cell).flat | {f"basic {n}": a for n, a in make_arrays(norm).flat.items()}
    gain = 1.5 / math.sqrt(50)
    ranges = {
        "weights.peephole.0": (-1.0, 1.0),
        "weights.projection.0": (-gain, gain),
        "weights.projection_bias.0": (-1.0, 1.0),
        "weights.gamma.0": (0.5, 1.5),
        "basic weights.gamma_cell.0": (0.5, 1.5),
        "basic weights.beta.0": (-1.0, 1.0),
        "basic weights.beta_cell.0": (-1.0, 1.0),
    }
    for name, (low, high) in ranges.items():
        assert low <= flat[name].min() < low + 0.2 * (high - low), name
        assert high - 0.2 * (high - low) < flat[name].max() <= high, name
    for name in ("weights.projection_bias.0", "basic weights.beta.0", "basic weights.beta_cell.0"):
        assert np.array_equal(flat[name] * 2.0**20, np.rint(flat[name] * 2.0**20)), name


def test_lengths_and_holes_make_the_mask_and_the_padding() -> None:
    case = a_case(lengths=[4, 2], skip=[[1], []], padding=9.0)
    assert [case.valid_steps(row) for row in range(2)] == [[0, 2, 3], [0, 1]]
    inputs = make_arrays(case).inputs
    assert inputs.mask is not None and inputs.lengths is not None
    assert inputs.mask.T.tolist() == [[True, False, True, True], [True, True, False, False]]
    assert inputs.lengths.tolist() == [4, 2]
    assert np.array_equal(np.all(inputs.x == 9.0, axis=-1), ~inputs.mask)
    assert make_arrays(a_case(lengths=[4, 2])).inputs.mask is None  # lengths say it all


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 7.0])
@pytest.mark.parametrize(("tensor", "at"), [("x", (3, 1, 2)), ("h0", (0, 1, 4)), ("W.0", (2, 4, 0)), ("b_r.0", (1, 3))])
def test_poison_replaces_one_element_and_no_other(tensor: str, at: tuple[int, ...], value: float) -> None:
    clean, poisoned = (
        make_arrays(a_case(seed=1, poison=poison)).flat
        for poison in (None, {"tensor": tensor, "at": at, "value": value})
    )
    assert clean.keys() == poisoned.keys()
    for name, array in clean.items():
        wanted = array.copy()
        if name.partition(".")[2] == tensor:
            wanted[at] = value
        assert np.array_equal(poisoned[name], wanted, equal_nan=True), name
