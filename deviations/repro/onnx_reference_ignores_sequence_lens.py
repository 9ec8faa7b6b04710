"""onnx.reference computes LSTM over all steps whatever `sequence_lens` says.

A row of length 2 must leave the state it has after two steps: that of the same row cut to two steps.
"""

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

T, B, I, H = 4, 1, 3, 2
generator = np.random.default_rng(0)
x, W, R = (generator.standard_normal(s).astype(np.float32) for s in [(T, B, I), (1, 4 * H, I), (1, 4 * H, H)])


def final_h(x, length):
    """Y_h of the model for these inputs."""
    inputs = {"x": x, "W": W, "R": R, "lens": np.array([length], np.int32)}
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}
    node = helper.make_node("LSTM", ["x", "W", "R", "", "lens"], ["", "h"], hidden_size=H)
    values = [helper.make_tensor_value_info(n, types[a.dtype], a.shape) for n, a in inputs.items()]
    output = helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, B, H])
    model = helper.make_model(
        helper.make_graph([node], "g", values, [output]), opset_imports=[helper.make_opsetid("", 22)]
    )
    return ReferenceEvaluator(model).run(None, inputs)[0]


got, right, whole = final_h(x, 2), final_h(x[:2], 2), final_h(x, T)
print(f"got {got.ravel()}, right {right.ravel()}, after all {T} steps {whole.ravel()}")
raise SystemExit(0 if np.array_equal(got, whole) and not np.allclose(got, right) else "does not deviate")
