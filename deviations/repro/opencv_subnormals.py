"""OpenCV's DNN module takes subnormal numbers for zeros while a net runs.

One step of i = f = o = 1 to float32: c is c0, which is 1e-39.
"""

import numpy as np
from onnx_lstm import lstm, step
from opencv_net import answer

bias = {"B": np.zeros((1, 8), np.float32)}
normal, subnormal = (float(answer(*lstm(step([40, 40, 40, 0], c0=c0) | bias))[2].item()) for c0 in (3e-38, 1e-39))
print(f"c of 3e-38: {normal}, of 1e-39: {subnormal}")
raise SystemExit(0 if abs(normal / 3e-38 - 1) < 1e-6 and subnormal == 0 else "does not deviate")
