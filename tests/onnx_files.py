"""ONNX models with LSTM nodes as people's files have them, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
H, I = 5, 3


def weights(D: int = 1, dtype: Any = np.float32, seed: int = 0) -> dict[str, Any]:
    """W, R, B and P of a node."""
    random = np.random.default_rng(seed)
    shapes = {"W": (D, 4 * H, I), "R": (D, 4 * H, H), "B": (D, 8 * H), "P": (D, 3 * H)}
    return {name: random.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def node(inputs: Sequence[str] = ("X", "W", "R", "B"), name: str = "lstm", **attributes: Any) -> Any:
    """An LSTM node."""
    import onnx

    return onnx.helper.make_node("LSTM", list(inputs), ["Y"], name=name, **({"hidden_size": H} | attributes))


def model(
    nodes: Sequence[Any],
    constants: Mapping[str, Any],
    *,
    given: Mapping[str, Sequence[Any]] | None = None,
    dtype: Any = np.float32,
    opset: int = 14,
    functions: Sequence[Any] = (),
    domains: Sequence[str] = (),
) -> Any:
    """A model of these nodes. given: its inputs and their shapes; X of open sizes if there are none."""
    import onnx

    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    shapes = {"X": [None, None, I], **(given or {})}
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT32 if name == "sequence_lens" else kind, list(shape))
        for name, shape in shapes.items()
    ]
    made = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(list(nodes), "g", inputs, [helper.make_tensor_value_info("Y", kind, None)], made)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=8)


def through(*nodes: Any, constants: Mapping[str, Any] | None = None) -> Any:
    """A model whose LSTM node has its W through other nodes; R and B are initializers, those of `weights()`."""
    own = weights()
    return model([*nodes, node()], {"R": own["R"], "B": own["B"]} | dict(constants or {}))


def written(path: Path, made: Any) -> Path:
    """The model in a file."""
    path.write_bytes(made.SerializeToString())
    return path
