"""onnx.reference computes an independent forget gate although `input_forget` couples it to the input gate.

One step from z_i = 1, z_f = 2, z_c = 0.5 and c = 3. Coupled, the gates add up to 1: c = (1 - i) * 3 + i * tanh(0.5).
"""

import math

from onnx.reference import ReferenceEvaluator
from onnx_lstm import lstm, step


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


model, feeds = lstm(step([1, 0, 2, 0.5], c0=3), input_forget=1)
got = float(ReferenceEvaluator(model).run(None, feeds)[2].item())
i = sigmoid(1)
right, free = (1 - i) * 3 + i * math.tanh(0.5), sigmoid(2) * 3 + i * math.tanh(0.5)
print(f"c: got {got:.7f}, right {right:.7f}, with a forget gate of its own {free:.7f}")
raise SystemExit(0 if abs(got - right) > 1e-2 and abs(got - free) < 1e-6 else "does not deviate")
