"""OpenCV's LSTM runs every row over all steps, although sequence_lens says that one ends earlier."""

import numpy as np
from onnx_lstm import lstm, numbers
from opencv_net import answer
from plain_lstm import states

tensors = numbers(0, x=(4, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
got = answer(*lstm(tensors | {"lens": np.array([2], np.int32)}))[1][0]
steps = states(tensors)
print(f"h: got {got.ravel()}, right {steps[1][0].ravel()}, after all steps {steps[-1][0].ravel()}")
deviates = np.allclose(got, steps[-1][0], atol=1e-6) and not np.allclose(got, steps[1][0], atol=1e-2)
raise SystemExit(0 if deviates else "does not deviate")
