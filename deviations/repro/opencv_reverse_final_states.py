"""OpenCV's LSTM returns as the final states of a reverse scan those after its first step.

The scan goes from x[T-1] to x[0], so the final states are those after x[0]; y is right.
"""

import numpy as np
from onnx_lstm import lstm, numbers
from opencv_net import answer
from plain_lstm import states

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
y, h, c = answer(*lstm(tensors, direction="reverse"))
steps = states(tensors, reverse=True)
print(f"h: got {h.ravel()}, right {steps[-1][0].ravel()}, after the first step {steps[0][0].ravel()}")
y_right = np.allclose(y[:, 0], [step[0] for step in steps[::-1]], atol=1e-6)
first = np.allclose([h[0], c[0]], steps[0], atol=1e-6) and not np.allclose(h[0], steps[-1][0], atol=1e-2)
raise SystemExit(0 if y_right and first else "does not deviate")
