"""quantize_dynamic rounds subnormal weights to zeros: their step, a 127th of them, is taken for 0.

z_g = w x with w = 1e-39 and x = 5e38 / 10 is 0.05, and i = o = 1, f = 0, so c = tanh(0.05).
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnx_lstm import lstm, step
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
tensors = step((0, 0, 0, 1e-39))
tensors["x"][:] = 5e37
tensors["B"] = np.array([[50, 50, -50, 0, 0, 0, 0, 0]], np.float32)
model, feeds = lstm(tensors)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "quantised.onnx"
    quantize_dynamic(model, path, op_types_to_quantize=["LSTM"])
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
got = session.run(["c"], feeds)[0].item()
print(f"c: got {got:.4g}, right {np.tanh(0.05):.4g}")
raise SystemExit(0 if abs(got - np.tanh(0.05)) > 0.01 else "does not deviate")
