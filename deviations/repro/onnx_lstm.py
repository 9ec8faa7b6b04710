"""ONNX models of one LSTM node: W, R, B and P are constants in them; x, lens, h0 and c0 are inputs."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

PLACES = ("x", "W", "R", "B", "lens", "h0", "c0", "P")
CONSTANTS = ("W", "R", "B", "P")


def numbers(seed, **shapes):
    """float32 arrays of normal numbers, by name."""
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def lstm(tensors, open_sizes=False, **attributes):
    """The model with outputs y, h and c, and its inputs by name. open_sizes: T and B are left open."""
    named = [name if name in tensors else "" for name in PLACES]
    while not named[-1]:  # absent inputs at the end are left out
        named.pop()
    node = helper.make_node("LSTM", named, ["y", "h", "c"], hidden_size=tensors["R"].shape[-1], **attributes)
    feeds = {name: array for name, array in tensors.items() if name not in CONSTANTS}
    sizes = {"x": ["T", "B", None], "lens": ["B"], "h0": [None, "B", None], "c0": [None, "B", None]}
    inputs = []
    for name, array in feeds.items():
        shape = [open_ or n for open_, n in zip(sizes[name], array.shape, strict=True)] if open_sizes else array.shape
        kind = TensorProto.INT32 if name == "lens" else TensorProto.FLOAT
        inputs.append(helper.make_tensor_value_info(name, kind, shape))
    T, B = ("T", "B") if open_sizes else tensors["x"].shape[:2]
    D, _, H = tensors["R"].shape
    shapes = {"y": [T, D, B, H], "h": [D, B, H], "c": [D, B, H]}
    if attributes.get("layout"):
        shapes = {"y": [T, B, D, H], "h": [T, D, H], "c": [T, D, H]}  # here T is the batch
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    constants = [numpy_helper.from_array(tensors[name], name) for name in CONSTANTS if name in tensors]
    graph = helper.make_graph([node], "g", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), feeds


def step(z, c0=0.0, peephole=None):
    """Tensors of one step with H = 1, x = 1 and W holding the pre-activations z in the order i, o, f, c."""

    def column(*values):
        return np.array(values, np.float32).reshape(1, -1, 1)

    tensors = {"x": column(1), "W": column(*z), "R": column(0, 0, 0, 0), "h0": column(0), "c0": column(c0)}
    return tensors if peephole is None else tensors | {"P": np.array([peephole], np.float32)}
