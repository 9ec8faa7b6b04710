"""tract's sigmoid and tanh in float32 are off by up to 1e-6; tanh of numbers below 2e-36 is 0, of NaN it is finite.

One step with i = o = 1 and f = 0, so that c = tanh(z).
"""

import math

import numpy as np
from onnx_lstm import lstm, step
from tract_run import answer


def cell(z, gates=40.0):
    """c after one step."""
    return float(answer(*lstm(step([gates, 40, -200, z])))[2].item())


saturated, tiny, nan = cell(40), cell(float(np.float32(1e-36))), cell(math.nan)
tail = cell(40, gates=-20)  # sigmoid(-20) * tanh(40)
print(f"tanh(40) {saturated:.9f}; tanh(1e-36) {tiny}; tanh(nan) {nan}; sigmoid(-20) {tail:.2e}, right 2.06e-09")
deviates = 5e-7 < 1 - saturated < 3e-6 and tiny == 0 and math.isfinite(nan) and 1e-8 < tail < 2e-6
raise SystemExit(0 if deviates else "does not deviate")
