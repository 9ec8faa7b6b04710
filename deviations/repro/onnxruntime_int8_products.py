"""onnxruntime's DynamicQuantizeLSTM cuts off sums of two products where the processor has AVX2 but not VNNI.

One step with x = (1, 1) and weights of 0.5, so that every gate has the input 1. Both numbers of x are 255 and all
weights 127 as integers; 2 * 255 * 127 needs more than 16 bits, and the instructions used there stop at 32767.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnx_lstm import lstm
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
model, feeds = lstm(
    {"x": np.ones((1, 1, 2), np.float32), "W": np.full((1, 4, 2), 0.5, np.float32)}
    | {name: np.zeros(shape, np.float32) for name, shape in {"R": (1, 4, 1), "h0": (1, 1, 1), "c0": (1, 1, 1)}.items()}
)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "quantised.onnx"
    quantize_dynamic(model, path, op_types_to_quantize=["LSTM"])
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
got = float(session.run(["h"], feeds)[0].item())


def h(z):
    """After one step in which every gate has the input z."""
    gate = 1 / (1 + np.exp(-z))
    return float(gate * np.tanh(gate * np.tanh(z)))


cut_off = h(32767 / (2 * 255 * 127))
print(f"h: got {got:.4g}, right {h(1):.4g}; with a sum of products that stops at 32767 it is {cut_off:.4g}")
if abs(got - h(1)) < 1e-3:
    print("this processor adds such products exactly")
    raise SystemExit(0)
raise SystemExit(0 if abs(got - cut_off) < 1e-3 else "does not deviate")
