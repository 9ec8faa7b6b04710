"""kappa against what the roundings of single operations and of sums add up to by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kappa_cases import case

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import SCALE, Perturbed, kappa
from conformance.lstm.reference import Reference

PLAIN = {"gate": "linear", "cell": "linear", "hidden": "linear"}


# By hand. A rounding of a value v adds a variance of v**2 / 3, in unit roundoffs: it is uniform on +-|v|.


def sums_case(n: int) -> tuple[Case, Arrays]:
    """y[t, b, j] = sum over k of W[j, k] x[t, b, k], rows of very different size; every other factor is 1 or 0."""
    wanted = case(T=3, B=3, I=n, H=150, h0=None, c0=None, dtype="float64", activations=PLAIN)
    arrays = make_arrays(wanted)
    row = arrays.weights.rows[0]
    assert row.b_w is not None and row.b_r is not None
    row.W[1:], row.R[:], row.b_r[:] = 0, 0, 0
    row.b_w[:] = [[0], [0], [1], [1]]
    arrays.inputs.x[:, 1] *= 1e6
    arrays.inputs.x[1] *= 1e-4
    return wanted, arrays


def ratio(found: Array, by_hand: Array) -> Array:
    """Root mean square over the units of found / by_hand, one number for each step and row."""
    result: Array = np.sqrt(np.mean((found / by_hand) ** 2, axis=-1))
    return result


@pytest.mark.parametrize("n", [1, 2, 7, 60, 400])
def test_kappa_of_a_dot_product_is_what_the_roundings_of_its_partial_sums_add_up_to(n: int) -> None:
    wanted, arrays = sums_case(n)
    W = arrays.weights.rows[0].W[0]
    partial = np.cumsum(arrays.inputs.x[:, :, None, :] * W, axis=-1)
    whole = partial[..., -1] ** 2
    # i: the dot product, + b_w, + the recurrent part. g and o, which are 1: + b_w, + the recurrent part.
    i, g, o = np.sum(partial**2, axis=-1) + 2 * whole, 2.0, 2.0
    # c: i * g, then + f * c. h: o * c.
    c = i + whole * g + 2 * whole
    h = c + whole * o + whole
    found = kappa(wanted, arrays)
    assert np.all(np.abs(ratio(found["y"], np.sqrt(h / 3)) - 1) < 0.15)
    assert np.all(np.abs(ratio(found["c_n"], np.sqrt(c[-1:] / 3)) - 1) < 0.15)
    assert np.array_equal(found["h_n"][0], found["y"][-1])


def test_kappa_grows_as_the_partial_sums_and_not_as_their_result() -> None:
    """A sum that cancels is as uncertain as its largest partial sums."""
    wanted = case(
        T=1, B=1, I=2, H=50, h0=None, c0=None, bias=False, dtype="float64", head={"O": 200}, activations=PLAIN
    )
    arrays = make_arrays(wanted)
    assert arrays.weights.W_y is not None and arrays.weights.b_y is not None
    arrays.weights.W_y[:], arrays.weights.b_y[:] = 0, 0
    y = Reference(wanted).run(arrays)["y"][0, 0]
    arrays.weights.W_y[:, 0], arrays.weights.W_y[:, 1] = 1e6, -1e6 * y[0] / y[1]
    found = kappa(wanted, arrays)
    own = (1e6 * y[0]) ** 2 / 3  # the first partial sum; the 49 that follow are all about zero
    carried = (1e6 * found["y"][0, 0, 0]) ** 2 + (1e6 * y[0] / y[1] * found["y"][0, 0, 1]) ** 2
    assert abs(ratio(found["logits"][0], np.sqrt(own + carried)).item() - 1) < 0.15


def perturbed(values: Any) -> Perturbed:
    array = np.asarray(values, np.float64).view(Perturbed)
    array.generator, array.samples, array.rows = np.random.default_rng(1), 1, 1
    return array


V = np.linspace(-3, 4, 4000).reshape(4, 1000)
EXACT: dict[str, Callable[[Any], Any]] = {
    "negative": lambda a: -a,
    "absolute": np.abs,
    "maximum": lambda a: np.maximum(a, 0.0),
    "minimum": lambda a: np.minimum(0.5, a),
    "where": lambda a: np.where(a > 0, a, -a),
    "where-zeros": lambda a: np.where(a > 0, a, np.zeros_like(a)),
    "stack": lambda a: np.stack([a, a]),
    "concatenate": lambda a: np.concatenate([a, V], axis=-1),
    "reshape": lambda a: a.reshape(2, -1).T[::-1],
    "index": lambda a: a[:, 3:7],
    "copy": lambda a: a.copy(),
}
ROUNDED: dict[str, Callable[[Any], Any]] = {
    "add": lambda a: a + 1.5,
    "add-left": lambda a: 1.5 + a,
    "add-array": lambda a: V + a,
    "subtract": lambda a: 1.0 - a,
    "multiply": lambda a: a * a,
    "divide": lambda a: 1.0 / a,
    "exp": np.exp,
    "expm1": np.expm1,
    "log1p": lambda a: np.log1p(np.abs(a)),
    "tanh": np.tanh,
    "in-a-slice": lambda a: a[0] * 2.0,
}


@pytest.mark.parametrize("name", EXACT)
def test_an_operation_that_rounds_nothing_adds_nothing(name: str) -> None:
    got = EXACT[name](perturbed(V))
    assert isinstance(got, Perturbed)
    assert np.array_equal(np.asarray(got), EXACT[name](V))
    assert not np.array_equal(np.asarray(got * 3.0), EXACT[name](V) * 3.0)  # and what follows is perturbed again


@pytest.mark.parametrize("name", ROUNDED)
def test_an_operation_that_rounds_is_moved_by_a_uniform_share_of_its_result(name: str) -> None:
    plain = ROUNDED[name](V)
    share = (np.asarray(ROUNDED[name](perturbed(V))) - plain) / (SCALE * plain)
    assert np.max(np.abs(share)) < 1.001 and np.max(np.abs(share)) > 0.99
    assert abs(np.std(share) * math.sqrt(3) - 1) < 0.05 and abs(np.mean(share)) < 0.06


@pytest.mark.parametrize(
    "unknown",
    [
        np.add.reduce,
        np.sum,
        lambda a: np.add(a, 1.0, out=a),
        np.multiply.accumulate,
        np.modf,
        lambda a: np.einsum("ij->i", a),
        np.mean,
    ],
    ids=["reduce", "sum", "out", "accumulate", "modf", "einsum", "mean"],
)
def test_an_operation_whose_rounding_is_not_known_is_refused(unknown: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"^kappa does not support "):
        unknown(perturbed(V))
