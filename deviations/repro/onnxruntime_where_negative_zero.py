"""onnxruntime's Where gives +0 where it chooses a -0 of its second input; one of its third input stays -0."""

import numpy as np
import onnx.parser
import onnxruntime

WHERE = """
    <ir_version: 10, opset_import: ["": 22]>
    where (bool[2] c, float[2] a, float[2] b) => (float[2] y) { y = Where(c, a, b) }
"""
model = onnx.parser.parse_model(WHERE)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
ones, zeros = np.ones(2, np.float32), np.full(2, -0.0, np.float32)
[first] = session.run(None, {"c": np.array([True, True]), "a": zeros, "b": ones})
[second] = session.run(None, {"c": np.array([False, False]), "a": ones, "b": zeros})
print(f"-0 chosen of the second input: got {first}; of the third: got {second}; right is [-0. -0.]")
raise SystemExit(0 if not np.signbit(first).any() and np.signbit(second).all() else "does not deviate")
