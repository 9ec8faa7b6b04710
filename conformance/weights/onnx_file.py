"""Reads an ONNX model for its weights: the LSTM nodes that conformance.weights.onnx_find finds, and initializers."""

from __future__ import annotations

import math
from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.weights.held import Held, demand_bounded, floats_only, refused

_FLOATS = (1, 10, 11, 16)
"""TensorProto's FLOAT, FLOAT16, DOUBLE and BFLOAT16."""


def read_onnx(path: Path) -> Held:
    """The floating-point initializers of the main graph, and every LSTM node wherever it stands.

    Raises:
        ModelError, FileError: it is damaged, or too large.
        ConformanceError: onnx is not installed.
    """
    try:
        import onnx

        from conformance.weights import onnx_find
    except ImportError as error:
        raise ConformanceError(f"{path}: reading ONNX needs onnx: pip install onnx") from error
    found = onnx_find.find(path)
    initializers = [each for each in found.model.proto.graph.initializer if each.data_type in _FLOATS]
    demand_bounded(path, (8 * math.prod(each.dims) for each in initializers))
    try:
        arrays = {each.name: onnx.numpy_helper.to_array(each) for each in initializers}
    except (ValueError, TypeError) as error:
        raise refused(path, f"it is a damaged ONNX model: {shortened(str(error))}") from error
    demand_bounded(path, (array.nbytes for layer in found.layers for array in layer.weights.flat.values()))
    return Held(path, "ONNX", floats_only(arrays)[0], model=found)
