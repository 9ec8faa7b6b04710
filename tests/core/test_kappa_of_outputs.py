"""kappa is zero where nothing can move, in the unit of its output, and the same every time."""

import math

import numpy as np
import pytest
from kappa_cases import case, kappa_of

from conformance.case.tensors import Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import SAMPLES, kappa
from conformance.lstm.reference import Reference


def test_outputs_that_are_exactly_zero_have_kappa_zero() -> None:
    zero = {"constant": 0.0}
    found = kappa_of(
        h0=None, c0=None, head={"O": 2}, weights=dict.fromkeys(("W", "R", "b_w", "b_r", "W_y", "b_y"), zero)
    )
    for name, array in found.items():
        assert array.shape == case(head={"O": 2}).outputs[name]
        assert not array.any(), name


@pytest.mark.parametrize("padding", [1e3, math.nan])
def test_padding_has_kappa_zero_and_touches_nothing(padding: float) -> None:
    found = kappa_of(lengths=[3, 1], direction="bidirectional", padding=padding)
    assert not found["y"][1:, 1].any()
    assert (found["y"][:, 0] > 0).all() and (found["y"][0, 1] > 0).all()
    assert all(np.isfinite(array).all() for array in found.values())


def test_kappa_has_the_outputs_names_shapes_and_no_negative_number() -> None:
    fields = {"layers": 2, "direction": "bidirectional", "head": {"O": 3}, "lengths": [1, 3]}
    found = kappa_of(**fields)
    assert {name: array.shape for name, array in found.items()} == case(**fields).outputs
    assert all(array.dtype == np.float64 and (array >= 0).all() for array in found.values())


def test_kappa_is_in_the_unit_of_the_output() -> None:
    """Twice the head's weights: the same logits twice, and twice as far to move."""
    fields = {"dtype": "float64", "head": {"O": 300}, "T": 1, "B": 1}
    wanted, arrays = case(**fields), make_arrays(case(**fields))
    assert arrays.weights.W_y is not None and arrays.weights.b_y is not None
    once = kappa(wanted, arrays)["logits"]
    arrays.weights.W_y[:] *= 1024
    arrays.weights.b_y[:] *= 1024
    assert np.array_equal(kappa(wanted, arrays)["logits"], 1024 * once)


def test_a_number_that_a_clip_holds_cannot_move() -> None:
    fields = {"T": 6, "H": 40, "P": 9, "dtype": "float64", "cell_clip": 0.25, "projection_clip": 0.125}
    found, plain = kappa_of(**fields), Reference(case(**fields)).run(make_arrays(case(**fields)))
    for name, bound in (("c_n", 0.25), ("y", 0.125)):
        held = np.abs(plain[name]) == bound
        assert held.any() and not held.all()
        assert not found[name][held].any() and (found[name][~held] > 0).all()


def test_a_row_without_steps_and_the_steps_a_row_leaves_out_cannot_move() -> None:
    found = kappa_of(lengths=[0, 3], skip=[[], [1]], direction="bidirectional", padding=math.nan)
    assert not found["y"][:, 0].any() and not found["y"][1].any()
    assert not found["h_n"][:, 0].any() and not found["c_n"][:, 0].any()
    assert (found["y"][[0, 2], 1] > 0).all() and (found["c_n"][:, 1] > 0).all()


def test_an_empty_batch_has_an_empty_kappa() -> None:
    found = kappa_of(B=0, head={"O": 2})
    assert {name: array.shape for name, array in found.items()} == case(B=0, head={"O": 2}).outputs


# Reproducible.


def same(a: Outputs, b: Outputs) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_kappa_is_the_same_every_time_whatever_numpy_s_own_generator_does() -> None:
    first = kappa_of()
    np.random.seed(5)
    second = kappa_of()
    np.random.seed(6)
    state = np.random.get_state()[1].tolist()  # type: ignore[index]
    assert same(first, second) and same(first, kappa_of())
    assert np.random.get_state()[1].tolist() == state  # type: ignore[index]


def test_kappa_changes_neither_weights_nor_inputs() -> None:
    arrays = make_arrays(case(lengths=[1, 3]))
    before = {name: array.tobytes() for name, array in arrays.flat.items()}
    kappa(case(lengths=[1, 3]), arrays)
    assert {name: array.tobytes() for name, array in arrays.flat.items()} == before


def test_two_cases_draw_different_perturbations() -> None:
    arrays = make_arrays(case())
    one, two = kappa(case(), arrays), kappa(case(id="fam/b"), arrays)
    assert not same(one, two)
    np.testing.assert_allclose(two["y"], one["y"], rtol=5 / math.sqrt(SAMPLES))  # the same to the samples' own spread
