"""The noise that honest float32 makes is what kappa foretells, under every option and in other orders of summing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from kappa_cases import case
from plain_lstm import in_float64

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.options import Activations
from conformance.case.tensors import Array, Inputs, LayerWeights, Weights
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step
from conformance.verdict.noise import noise


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
