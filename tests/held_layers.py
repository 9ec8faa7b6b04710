"""Shared by the tests of weights in files: weights of every kind, and files of them."""

from pathlib import Path
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import LayerWeights, Weights
from conformance.convert.tensors import packed
from conformance.weights.held import Held
from conformance.weights.named import NAMED, Named


def drawn(
    I: int = 3, H: int = 4, P: int | None = None, rows: int = 1, D: int = 1, dtype: str = "float32", **has: bool
) -> Weights:
    """Weights of so many layers times directions. has: bias (True), one_bias, peephole."""
    random = np.random.default_rng(I * H + rows)

    def new(*shape: int) -> Any:
        return random.uniform(-1, 1, shape).astype(dtype)

    def row(number: int) -> LayerWeights:
        inputs = I if number < D else D * (P or H)
        bias = has.get("bias", True)
        return LayerWeights(
            new(4, H, inputs),
            new(4, H, P or H),
            new(4, H) if bias else None,
            (np.zeros((4, H), dtype) if has.get("one_bias") else new(4, H)) if bias else None,
            peephole=new(3, H) if has.get("peephole") else None,
            projection=new(P, H) if P else None,
        )

    return Weights(tuple(map(row, range(rows))))


def held(tensors: dict[str, Any], **more: Any) -> Held:
    return Held(Path("w"), "npz", tensors, **more)


def in_layout(named: Named | str, weights: Weights, D: int = 1) -> Held:
    return held(packed(NAMED[named] if isinstance(named, str) else named, weights, D))


def same(a: Weights, b: Weights) -> bool:
    """Bit by bit."""
    x, y = a.flat, b.flat
    return x.keys() == y.keys() and all(
        x[n].dtype == y[n].dtype and x[n].shape == y[n].shape and x[n].tobytes() == y[n].tobytes() for n in x
    )


def case(keys: dict[str, Any]) -> Case:
    return Case.model_validate({"id": "a/b", "T": 1, "B": 1, **keys})
