"""onnxruntime's LSTM turns NaN into a number in two more places: `clip` gives NaN the bound, and Relu gives it 0.

The first: one step with x = NaN, a bias and clip = 0.75, where every gate's input is NaN. The second: one step from c =
NaN with Relu on the way from c to h. Whatever is computed from a NaN must be NaN.
"""

import math

import numpy as np
import onnxruntime
from onnx_lstm import lstm, step


def h_and_c(tensors, x=1.0, **attributes):
    """What the step returns."""
    model, feeds = lstm(tensors, **attributes)
    feeds["x"] = np.full_like(feeds["x"], x)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return [float(output.item()) for output in session.run(["h", "c"], feeds)]


clipped = h_and_c(step([1, 1, 1, 1]) | {"B": np.zeros((1, 8), np.float32)}, x=math.nan, clip=0.75)
bound = math.tanh(0.75) / (1 + math.exp(-0.75))
h, c = h_and_c(step([1, 1, 1, 1], c0=math.nan), activations=["Sigmoid", "Tanh", "Relu"])
print(f"clip: got c {clipped[1]:.7f}, that of gate inputs of 0.75 {bound:.7f}, right nan; Relu: got h {h:g}, right nan")
raise SystemExit(0 if abs(clipped[1] - bound) < 1e-6 and h == 0 and math.isnan(c) else "does not deviate")
