"""onnxruntime's LSTM turns NaN into a number: with a bias, a gate whose input is NaN computes as for a large input.

One step with x = NaN, so that every gate's input is NaN and everything the step returns has to be.
"""

import math

import numpy as np
import onnxruntime
from onnx_lstm import lstm, step


def h_and_c(tensors):
    """What the step returns for x = NaN."""
    model, feeds = lstm(tensors)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds["x"] = np.full_like(feeds["x"], math.nan)
    return [float(output.item()) for output in session.run(["h", "c"], feeds)]


tensors = step([1, 1, 1, 1])
with_bias = h_and_c(tensors | {"B": np.zeros((1, 8), np.float32)})
without = h_and_c(tensors)
print(f"h and c: got {with_bias}, right nan and nan; without a bias {without}")
raise SystemExit(0 if not np.isnan(with_bias).any() and np.isnan(without).all() else "does not deviate")
