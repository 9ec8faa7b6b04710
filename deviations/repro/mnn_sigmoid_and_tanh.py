"""MNN's tanh and sigmoid are off by up to 1e-7 whatever their size, and lose NaN and the sign of zero.

One step with i = f = o = 1 to float32 and c0 = 0, so that c = tanh(z).
"""

import math

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, step


def cell(z):
    """c after one step."""
    return float(answer(*lstm(step([40, 40, 40, z])))[2].item())


small = max(abs(cell(z) / z - 1) for z in (1e-7, 3e-7, 1e-6, 3e-6))
negative, nan = cell(-0.0), cell(math.nan)
print(f"tanh near 1e-6: relative error {small:.1e}; tanh(-0.0) {negative}; tanh(nan) {nan}")
raise SystemExit(0 if small > 1e-3 and np.signbit(negative) == 0 and math.isfinite(nan) else "does not deviate")
