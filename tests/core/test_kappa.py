"""kappa: the spread that honest rounding gives, against what can be worked out by hand and against what is measured."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from plain_lstm import in_float64

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import SAMPLES, SCALE, Perturbed, kappa
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step
from conformance.verdict.noise import noise

PLAIN = {"gate": "linear", "cell": "linear", "hidden": "linear"}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 3, "B": 2, "I": 4, "H": 5} | fields)


def kappa_of(**fields: Any) -> Outputs:
    return kappa(case(**fields), make_arrays(case(**fields)))


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


# Where nothing can move, and how far it may move elsewhere.


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


@pytest.mark.parametrize(
    "fields",
    [
        {"T": 1, "B": 3, "I": 5, "H": 4},
        {"T": 10, "B": 4, "I": 7, "H": 16},
        {"T": 200, "B": 2, "I": 3, "H": 8},
        {"T": 6, "B": 2, "I": 200, "H": 129},
        {"T": 7, "B": 3, "lengths": [3, 7, 1], "direction": "bidirectional", "layers": 3},
        {"T": 8, "activations": {"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}, "hidden": "softsign"}},
        {"T": 5, "bias": False, "h0": None, "c0": None, "direction": "reverse"},
        {"T": 5, "head": {"O": 3}, "x": {"uniform": {"low": 0.0, "high": 100.0}}},
        {"T": 40, "H": 30, "forget_bias": 3.0},
    ],
    ids=str,
)
def test_float32_shows_about_the_noise_that_kappa_foretells(fields: dict[str, Any]) -> None:
    wanted = case(**fields)
    arrays = make_arrays(wanted)
    exact, scale = Reference(wanted).run(in_float64(arrays)), kappa(wanted, arrays)
    got = NumpyReference().run(wanted, arrays.weights, arrays.inputs)
    worst = {name: float(np.max(noise(got[name], exact[name], scale[name], "float32"))) for name in exact}
    assert all(0.05 < value < 16 for value in worst.values()), worst


NEW: list[dict[str, Any]] = [
    {"peephole": True},
    {"peephole": True, "cell_clip": 0.625, "gate_clip": {"bound": 1.0, "reading": "all"}},
    {"P": 11, "projection_bias": True, "layers": 2},
    {"P": 11, "projection_clip": 0.3125, "direction": "bidirectional"},
    {"coupling": "forget=1-input"},
    {"coupling": "input=1-forget", "peephole": True},
    {"layer_norm": "nnapi"},
    {"layer_norm": "nnapi", "bias": False, "peephole": True, "P": 11},
    {"layer_norm": "basic-lstm-cell", "bias": False, "forget_bias": 1.0},
    {"skip": [[0, 4], [1, 2, 3, 8], []], "direction": "bidirectional", "layers": 2},
    {"skip": [[], [1, 2], [3]], "lengths": [0, 9, 4], "direction": "reverse"},
]


@pytest.mark.parametrize("fields", NEW, ids=str)
def test_float32_spreads_as_kappa_foretells_under_every_option(fields: dict[str, Any]) -> None:
    """Over all elements: honest float32, with its sums in blocks and its fused products, makes a little less noise."""
    wanted = case(T=9, B=3, H=40, **fields)
    arrays = make_arrays(wanted)
    exact, scale = Reference(wanted).run(in_float64(arrays)), kappa(wanted, arrays)
    got = NumpyReference().run(wanted, arrays.weights, arrays.inputs)
    for name in exact:
        moves = scale[name] > 0
        ratios = (got[name] - exact[name])[moves] / (2.0**-24 * scale[name][moves])
        assert 0.35 < np.sqrt(np.mean(ratios**2)) < 1.5, name
        assert np.max(noise(got[name], exact[name], scale[name], "float32")) < 6, name
        assert np.array_equal(got[name][~moves], exact[name][~moves]), "what cannot move is exact"


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


class OneChain(Reference):
    """x W and h R as one dot product, its terms added one by one: tf.raw_ops.BlockLSTM's order."""

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.steps = iter(x)
        return super().layer(layer, x, weights, inputs)

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        terms = np.concatenate([next(self.steps), old.h], axis=-1)[:, None] * self.stacked(weights)
        chained = np.cumsum(terms, axis=-1, dtype=terms.dtype)[..., -1].reshape(from_input.shape)
        return super().step(act, chained, old, self.without_products(weights))

    def stacked(self, weights: LayerWeights) -> Array:
        return np.concatenate([weights.W, weights.R], axis=-1).reshape(-1, self.case.I + self.case.H)

    def without_products(self, weights: LayerWeights) -> LayerWeights:
        return replace(weights, R=np.zeros_like(weights.R), b_r=weights.bias)


@pytest.mark.parametrize("hidden", [128, 257])
def test_kappa_covers_input_and_recurrent_product_summed_as_one_chain(hidden: int) -> None:
    wide = case(T=3, B=2, I=5, H=hidden)
    arrays = make_arrays(wide)
    golden = Reference(wide).run(in_float64(arrays))
    got = OneChain(wide).run(arrays)
    scale = kappa(wide, arrays)
    assert max(float(noise(got[n], golden[n], scale[n], "float32").max()) for n in golden) < 8.0


def test_kappa_covers_one_chain_to_which_the_bias_is_added_last() -> None:
    """Biases that cancel W x: the partial sums of R h are as large as W x all the same."""
    wide = case(T=1, B=1, I=3, H=513)
    arrays = make_arrays(wide)
    row = arrays.weights.rows[0]
    x = arrays.inputs.x[0, 0].astype(np.float64)
    opposite = replace(row, b_w=-(row.W.astype(np.float64) @ x).astype(np.float32))
    arrays = replace(arrays, weights=replace(arrays.weights, rows=(opposite,)))
    golden = Reference(wide).run(in_float64(arrays))
    got = OneChain(wide).run(arrays)
    scale = kappa(wide, arrays)
    errors = (got["c_n"].astype(np.float64) - golden["c_n"]) / UNIT_ROUNDOFF["float32"]
    assert 0.5 < np.sqrt(np.mean(errors**2) / np.mean(scale["c_n"] ** 2)) < 1.1
    assert max(float(noise(got[n], golden[n], scale[n], "float32").max()) for n in golden) < 8.0
