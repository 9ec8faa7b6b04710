"""MNN takes subnormal weights of an LSTM for zeros.

One step with i = f = o = 1 to float32 and c0 = 0, so that c = tanh(1e-39 * 1e38) = tanh(0.1).
"""

import math

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, step

tensors = step([0, 0, 0, 1e-39])
tensors |= {"x": tensors["x"] * np.float32(1e38), "B": np.array([[40, 40, 40, 0, 0, 0, 0, 0]], np.float32)}
got = float(answer(*lstm(tensors))[2].item())
print(f"c: got {got}, right {math.tanh(0.1):.6f}")
raise SystemExit(0 if got == 0 else "does not deviate")
