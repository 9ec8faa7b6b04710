"""OpenVINO's reader of ONNX models reads LSTM's `input_forget` and ignores it.

One step from z_i = 1, z_f = 2, z_c = 0.5 and c = 3. Coupled, the gates add up to 1: c = (1 - i) * 3 + i * tanh(0.5).
"""

import math

import openvino
from onnx_lstm import lstm, step


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


model, feeds = lstm(step([1, 0, 2, 0.5], c0=3), input_forget=1)
read = openvino.Core().read_model(model.SerializeToString())
got = float(openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)["c"].item())
i = sigmoid(1)
right, free = (1 - i) * 3 + i * math.tanh(0.5), sigmoid(2) * 3 + i * math.tanh(0.5)
print(f"c: got {got:.7f}, right {right:.7f}, with a forget gate of its own {free:.7f}")
raise SystemExit(0 if abs(got - right) > 1e-2 and abs(got - free) < 1e-6 else "does not deviate")
