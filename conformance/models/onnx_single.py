"""One LSTM node of a model as a model of its own: the node as the file has it, its constants as initializers."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.weights.onnx_layer import INPUTS, Layer


def model_of(layer: Layer) -> bytes:
    """A serialized model. Attributes, absent inputs and the version of the operator are those of the file.

    Graph inputs: those of the node that are not constant, by the operator's names. Graph outputs: all three of the
    node, even if the file uses fewer, so that they can be judged.
    """
    import onnx

    helper = onnx.helper
    dtype = helper.np_dtype_to_tensor_dtype(layer.weights.rows[0].W.dtype)
    node = type(layer.node)()
    node.CopyFrom(layer.node)
    initializers: list[Any] = []
    inputs: list[Any] = []
    for place, name in enumerate(INPUTS[: len(node.input)]):
        if name in layer.stored:
            initializers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(layer.stored[name]), name))
        elif name in layer.open:
            kind = onnx.TensorProto.INT32 if name == "sequence_lens" else dtype
            inputs.append(_value(name, kind, 1 if name == "sequence_lens" else 3))
        node.input[place] = name if name in layer.stored or name in layer.open else ""
    del node.output[:]
    node.output.extend(["Y", "Y_h", "Y_c"])
    outputs = [_value("Y", dtype, 4), _value("Y_h", dtype, 3), _value("Y_c", dtype, 3)]
    graph = helper.make_graph([node], "lstm", inputs, outputs, initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", layer.opset)])
    made.ir_version = layer.ir_version
    return bytes(made.SerializeToString())


def _value(name: str, kind: int, axes: int) -> Any:
    """An input or output of a graph, all sizes open."""
    import onnx

    return onnx.helper.make_tensor_value_info(name, kind, [f"{name}.{axis}" for axis in range(axes)])
