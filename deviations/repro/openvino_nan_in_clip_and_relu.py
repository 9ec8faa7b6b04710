"""OpenVINO's LSTM turns NaN into a number in two places: `clip` gives NaN the lower bound, and Relu gives it 0.

The first: one step with x = NaN and clip = 0.75, where every gate's input is NaN. The second: one step from c = NaN
with Relu on the way from c to h. Whatever is computed from a NaN must be NaN; without clip and Relu it is.
"""

import math

import numpy as np
import openvino
from onnx_lstm import lstm, step


def h_and_c(tensors, x=1.0, **attributes):
    """What the step returns."""
    model, feeds = lstm(tensors, **attributes)
    feeds["x"] = np.full_like(feeds["x"], x)
    read = openvino.Core().read_model(model.SerializeToString())
    outputs = openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)
    return float(outputs["h"].item()), float(outputs["c"].item())


_, clipped = h_and_c(step([1, 1, 1, 1]), x=math.nan, clip=0.75)
bound = math.tanh(-0.75) / (1 + math.exp(0.75))
h, c = h_and_c(step([1, 1, 1, 1], c0=math.nan), activations=["Sigmoid", "Tanh", "Relu"])
plain = h_and_c(step([1, 1, 1, 1]), x=math.nan)
print(f"clip: got c {clipped:.7f}, that of gate inputs of -0.75 {bound:.7f}, right nan; Relu: got h {h:g}, right nan")
wrong = abs(clipped - bound) < 1e-6 and h == 0 and math.isnan(c)
raise SystemExit(0 if wrong and np.isnan(plain).all() else "does not deviate")
