"""What is found in an ONNX model that a test made. To be imported where onnx is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx_files import written

from conformance.adapters.layouts import ONNX, pack
from conformance.case.tensors import LayerWeights
from conformance.weights.onnx_find import FoundInModel, find
from conformance.weights.onnx_layer import Layer


def found(folder: Path, made: Any) -> FoundInModel:
    """What is in a model, written into a folder."""
    return find(written(folder / "model.onnx", made))


def layer(folder: Path, made: Any) -> Layer:
    """The only layer in a model."""
    in_model = found(folder, made)
    assert len(in_model.layers) == 1, in_model.not_used
    return in_model.layers[0]


def same_weights(read: Layer, expected: dict[str, Any], *names: str) -> bool:
    """Whether a layer has these tensors of the operator, bit by bit."""
    rows = [_packed(row, *names) for row in read.weights.rows]
    return all(np.array_equal(np.stack([row[name] for row in rows]), expected[name]) for name in names)


def _packed(row: LayerWeights, *names: str) -> dict[str, Any]:
    tensors = pack(ONNX, row)
    return {name: tensors[name] for name in names}
