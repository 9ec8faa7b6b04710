"""Shared by the tests of the oracle: small cases with arrays, equality in every bit, and tanh in decimals."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays

PER_ROW = ("W", "R", "b_w", "b_r")


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "test/oracle", "T": 1, "B": 1, "I": 1, "H": 1, **fields})


def random_arrays(case: Case, seed: int = 0, gain: float = 1.5) -> Arrays:
    """Arrays of a case from NumPy's generator; padding is the case's own."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for name, shape in case.weight_shapes.items():
        bound = gain / math.sqrt(shape[-1]) if name[0] in "WR" else 1.0
        tensors[f"weights.{name}"] = rng.uniform(-bound, bound, shape).astype(case.np_dtype)
    for name, shape in case.input_shapes.items():
        tensors[f"inputs.{name}"] = rng.uniform(-2, 2, shape).astype(case.np_dtype)
    if case.lengths is not None:
        tensors["inputs.lengths"] = np.array(case.lengths, np.int64)
        for b, length in enumerate(case.lengths):
            tensors["inputs.x"][length:, b] = case.padding
    return Arrays.from_tensors(tensors)


def changed(arrays: Arrays, **inputs: Array) -> Arrays:
    return Arrays.from_tensors({**arrays.flat, **{f"inputs.{name}": array for name, array in inputs.items()}})


def assert_same(got: Array, wanted: Array) -> None:
    """Equal in every bit, so that -0.0 is not 0.0."""
    assert got.dtype == np.float64
    assert got.shape == wanted.shape
    assert got.tobytes() == np.ascontiguousarray(wanted, np.float64).tobytes()


def gate_inputs(case: Case, z: list[list[float]], **inputs: Array) -> Arrays:
    """Arrays with W = R = 0, so that the pre-activations are the biases z (4, H)."""
    tensors = {f"weights.{name}": np.zeros(shape) for name, shape in case.weight_shapes.items()}
    tensors["weights.b_w.0"] = np.array(z)
    tensors["inputs.x"] = np.zeros(case.input_shapes["x"])
    return changed(Arrays.from_tensors(tensors), **inputs)


def tanh(x: Decimal) -> Decimal:
    up, down = x.exp(), (-x).exp()
    return (up - down) / (up + down)
