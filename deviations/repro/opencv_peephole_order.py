"""OpenCV's LSTM reads the peepholes, input P, in the order i, f, o; the operator has them in the order i, o, f."""

import numpy as np
from onnx_lstm import lstm, numbers
from opencv_net import answer
from plain_lstm import states

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2), P=(1, 6))
got = answer(*lstm(tensors))[1]
right = states(tensors)[-1][0]
i, o, f = np.split(tensors["P"], 3, axis=1)
swapped = states(tensors | {"P": np.concatenate([i, f, o], axis=1)})[-1][0]
print(f"h: got {got.ravel()}, right {right.ravel()}, with o and f swapped {swapped.ravel()}")
deviates = np.allclose(got[0], swapped, atol=1e-6) and not np.allclose(got[0], right, atol=1e-2)
raise SystemExit(0 if deviates else "does not deviate")
