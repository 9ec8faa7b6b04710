"""onnx.reference computes LSTM without peepholes with peepholes of 0, and 0 times an infinite cell state is NaN.

One step from c = infinity without `P`: c stays infinite, and h = sigmoid(z_o) * tanh(infinity) = 0.5.
"""

import math

import numpy as np
from onnx.reference import ReferenceEvaluator
from onnx_lstm import lstm, step

model, feeds = lstm(step([0, 0, 0, 0], c0=math.inf))
with np.errstate(invalid="ignore"):
    _, h, c = (float(output.item()) for output in ReferenceEvaluator(model).run(None, feeds))
print(f"got h {h:g}, c {c:g}; right h 0.5, c inf")
raise SystemExit(0 if math.isnan(h) and math.isnan(c) else "does not deviate")
