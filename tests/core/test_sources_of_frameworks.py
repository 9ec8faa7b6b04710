"""The numbers of Keras's initialisers and of PyTorch's generator, where each framework puts them."""

import math

import numpy as np
import pytest
from made_arrays import HEAD, arrays, case, tensors

from conformance.case.dtypes import DTypeName
from conformance.case.errors import GenerationError
from conformance.golden.random import Stream
from conformance.golden.torch_random import TorchGenerator, linear_parameters, lstm_parameters

LAYERS_TORCH = {name: {"torch": "default"} for name in ("W", "R", "b_w", "b_r")}


# Keras's initialisers, on the kernels (n, 4H) that Keras has.


@pytest.mark.parametrize(("field", "n", "columns"), [("W", 7, 80), ("R", 20, 80), ("W_y", 20, 3)])
def test_glorot_uniform_has_keras_s_limit(field: str, n: int, columns: int) -> None:
    flat = tensors(I=7, H=20, head=HEAD, dtype="float64", weights={field: {"keras": "glorot_uniform"}})
    made = flat["weights.W_y" if field == "W_y" else f"weights.{field}.0"]
    limit = math.sqrt(6 / (n + columns))
    assert 0.9 * limit < np.max(np.abs(made)) <= limit
    assert made.min() < 0 < made.max()


def test_the_kernel_is_drawn_as_keras_lays_it_out() -> None:
    made = arrays(dtype="float64", seed=1, weights={"W": {"keras": "glorot_uniform"}}).weights.rows[0].W
    kernel = Stream(1, "W.0").uniform(-math.sqrt(6 / 23), math.sqrt(6 / 23), (3, 20))
    assert made.shape == (4, 5, 3)
    assert all(np.array_equal(made[gate], kernel[:, 5 * gate : 5 * gate + 5].T) for gate in range(4))


def test_an_orthogonal_recurrent_kernel_has_orthonormal_rows() -> None:
    pytest.importorskip("flint")
    R = arrays(dtype="float64", weights={"R": {"keras": "orthogonal"}}).weights.rows[0].R
    kernel = R.reshape(20, 5).T
    assert np.max(np.abs(kernel @ kernel.T - np.eye(5))) <= 1e-15


def test_unit_forget_bias_is_one_at_the_forget_gate_only() -> None:
    row = arrays(weights={"b_w": {"keras": "unit_forget_bias"}, "b_r": {"keras": "zeros"}}).weights.rows[0]
    assert row.b_w is not None and row.b_r is not None
    assert row.b_w.tolist() == [[0.0] * 5, [1.0] * 5, [0.0] * 5, [0.0] * 5]
    assert not row.b_r.any()


# PyTorch's numbers go where the usual script puts them.


@pytest.mark.parametrize(("dtype", "normal"), [("float32", "randn"), ("float16", "randn"), ("float64", "rand")])
def test_torch_tensors_are_drawn_in_the_order_of_the_usual_script(dtype: DTypeName, normal: str) -> None:
    made = arrays(
        torch_seed=11,
        dtype=dtype,
        layers=2,
        head=HEAD,
        weights=LAYERS_TORCH | {"W_y": {"torch": "default"}, "b_y": {"torch": "default"}},
        x={"torch": normal},
        h0={"torch": "rand"},
        c0={"torch": normal},
    )
    drawn = "float64" if dtype == "float64" else "float32"
    generator = TorchGenerator(11)
    rows = lstm_parameters(generator, 3, 5, 2, False, bias=True, dtype=drawn)
    linear = linear_parameters(generator, 5, 3, dtype=drawn)
    x = getattr(generator, normal)(4, 2, 3, dtype=drawn)
    h0 = generator.rand(2, 2, 5, dtype=drawn)
    c0 = getattr(generator, normal)(2, 2, 5, dtype=drawn)
    target = case(dtype=dtype).np_dtype
    for row, parameters in zip(made.weights.rows, rows, strict=True):
        assert np.array_equal(row.W.reshape(20, -1), parameters["weight_ih"].astype(target))
        assert np.array_equal(row.R.reshape(20, -1), parameters["weight_hh"].astype(target))
        assert row.b_w is not None and np.array_equal(row.b_w.ravel(), parameters["bias_ih"].astype(target))
        assert row.b_r is not None and np.array_equal(row.b_r.ravel(), parameters["bias_hh"].astype(target))
    found = [made.weights.W_y, made.weights.b_y, made.inputs.x, made.inputs.h0, made.inputs.c0]
    for got, want in zip(found, [linear["weight"], linear["bias"], x, h0, c0], strict=True):
        assert got is not None and got.dtype == target and np.array_equal(got, want.astype(target))


def test_torch_numbers_that_differ_from_machine_to_machine_are_refused() -> None:
    with pytest.raises(
        GenerationError, match=r"^fam/a: x: torch: randn: float64 randn is refused: PyTorch takes log, sin"
    ):
        arrays(torch_seed=1, dtype="float64", x={"torch": "randn"})
