"""OpenVINO's reader of ONNX models silently drops LSTM's peepholes, input P.

One step from z_i = z_o = z_f = 0 and c = 1 with peepholes of 2: i = f = sigmoid(2), c = i * tanh(0.5) + f, and
h = sigmoid(2 c) * tanh(c).
"""

import math

import openvino
from onnx_lstm import lstm, step


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def h_after(p):
    """h of the step with peepholes of p."""
    i = f = sigmoid(p)
    c = i * math.tanh(0.5) + f
    return sigmoid(p * c) * math.tanh(c)


model, feeds = lstm(step([0, 0, 0, 0.5], c0=1, peephole=[2, 2, 2]))
read = openvino.Core().read_model(model.SerializeToString())
got = float(openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)["h"].item())
print(f"h: got {got:.7f}, right {h_after(2):.7f}, without peepholes {h_after(0):.7f}")
raise SystemExit(0 if abs(got - h_after(2)) > 1e-2 and abs(got - h_after(0)) < 1e-6 else "does not deviate")
