"""onnx.reference computes LSTM without bounds whatever `clip` says.

One step from z_i = z_o = z_f = z_c = 3 and c = 4 with clip = 0.5, which bounds every activation's input to 0.5.
"""

import math

from onnx.reference import ReferenceEvaluator
from onnx_lstm import lstm, step


def h_after(z, clip, c0=4.0):
    """h of the step, every activation's input within +-clip."""
    s = 1 / (1 + math.exp(-min(z, clip)))
    c = s * c0 + s * math.tanh(min(z, clip))
    return s * math.tanh(min(c, clip))


model, feeds = lstm(step([3, 3, 3, 3], c0=4), clip=0.5)
got = float(ReferenceEvaluator(model).run(None, feeds)[1].item())
right, unbounded = h_after(3, 0.5), h_after(3, math.inf)
print(f"got {got:.7f}, right {right:.7f}, without clip {unbounded:.7f}")
raise SystemExit(0 if abs(got - right) > 1e-2 and abs(got - unbounded) < 1e-6 else "does not deviate")
