"""The frameworks of source and target prove a move; and a whole round of moves gives the weights back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from held_layers import drawn, same

from conformance.case.tensors import Weights
from conformance.convert.moving import Request, carried_out
from conformance.convert.proof import Side, proven
from conformance.convert.tensors import packed
from conformance.weights.finding import find
from conformance.weights.named import NAMED
from conformance.weights.reading import read

KEYS = {"I": 3, "H": 4, "dtype": "float32"}


def lines(*sides: tuple[str, Weights]) -> list[Any]:
    roles = ("source", "target")
    return list(proven([Side(role, NAMED[n], KEYS, w) for role, (n, w) in zip(roles, sides, strict=True)], 0))


PROVEN = [
    pytest.param("torch", "torch", marks=pytest.mark.torch),
    pytest.param("onnx", "onnxruntime", marks=pytest.mark.onnx),
    pytest.param("tflite", "ai_edge_litert", marks=pytest.mark.litert),
    pytest.param("tf-cell", "tf_keras", marks=pytest.mark.tensorflow),
    pytest.param("tf-block", "tensorflow", marks=pytest.mark.tensorflow),
    pytest.param("keras2-cudnn", "tf_keras", marks=pytest.mark.tensorflow),
    pytest.param("keras", "keras", marks=[pytest.mark.keras, pytest.mark.workers]),
]


@pytest.mark.parametrize(("name", "package"), PROVEN)
def test_a_framework_proves_its_side(name: str, package: str) -> None:
    pytest.importorskip(package)
    weights = drawn(one_bias=True)
    first, other, last = lines((name, weights), ("gates", weights))
    assert first.right is True and first.text.startswith("the source in ") and ": noise " in first.text, first.text
    assert other.right is None and "not proven" in other.text
    assert last.right is True


@pytest.mark.tensorflow
def test_what_keras_2_has_no_function_of_is_not_proven() -> None:
    pytest.importorskip("tf_keras")
    keys = {**KEYS, "activations": [{"cell": {"name": "elu", "alpha": 0.5}, "hidden": {"name": "elu", "alpha": 0.5}}]}
    side = Side("source", NAMED["keras2"], keys, drawn(one_bias=True))
    first, *_ = proven([side, Side("target", NAMED["gates"], keys, drawn(one_bias=True))], 0)
    assert first.right is None and "Keras 2 has no elu(0.5)" in first.text


@pytest.mark.export
@pytest.mark.parametrize("one_bias", [True, False])
def test_a_round_through_four_frameworks_gives_the_weights_back(one_bias: bool, tmp_path: Path) -> None:
    for package in ("torch", "keras", "onnxruntime", "ai_edge_litert", "h5py"):
        pytest.importorskip(package)
    original = drawn(one_bias=one_bias)
    np.savez(tmp_path / "a.npz", **packed(NAMED["torch"], original, 1))
    round_trip = [("a.npz", "a.pt", "torch"), ("a.pt", "b.weights.h5", "keras"), ("b.weights.h5", "c.onnx", "onnx"),
                  ("c.onnx", "d.tflite", "tflite"), ("d.tflite", "e.pt", "torch")]  # fmt: skip
    for source, target, layout in round_trip:  # whose proofs are in test_moves_documented.py
        carried_out(Request(tmp_path / source, tmp_path / target, write_as=layout))
    before, after = (find(read(tmp_path / name)).layers[0].weights for name in ("a.pt", "e.pt"))
    # Of two biases the sum is what the frameworks in between have, and all that the answer depends on.
    (row,), (wanted,) = after.rows, before.rows
    assert row.b_w.tobytes() == wanted.bias.tobytes() and not row.b_r.any()
    assert same(after, before) == one_bias and row.R.tobytes() == wanted.R.tobytes()
