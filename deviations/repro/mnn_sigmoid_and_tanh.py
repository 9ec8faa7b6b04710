"""MNN's tanh is off by up to 1e-7 whatever its size, loses the sign of zero, and, like its sigmoid, is 1 for NaN.

One step with i = f = o = 1 to float32 and c0 = 0, so that c = tanh(z). A NaN in the state c0 comes to tanh as it is: h
is tanh(NaN) then. The sigmoid is MNN's operator by itself.
"""

import math

import MNN
import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, step


def states(z, c0=0.0):
    """h and c after one step."""
    return (float(state.item()) for state in answer(*lstm(step([40, 40, 40, z], c0)))[1:])


def cell(z):
    """c after one step."""
    return tuple(states(z))[1]


small = max(abs(cell(z) / z - 1) for z in (1e-7, 3e-7, 1e-6, 3e-6))
tiny, negative, minus_zero = cell(2e-8), cell(-1e-8), cell(-0.0)
h, _ = states(0.0, math.nan)
variable = MNN.expr.placeholder([1], MNN.expr.NCHW, MNN.expr.float)
variable.write(np.array([math.nan], np.float32))
sigmoid = float(MNN.expr.sigmoid(variable).read()[0])
print(f"tanh near 1e-6: relative error {small:.1e}; of 2e-8: {tiny}; of -1e-8: {negative}; of -0.0: {minus_zero}")
print(f"of NaN: tanh {h}, sigmoid {sigmoid}, right nan")
zeros = (tiny, negative, minus_zero)
shown = small > 1e-3 and zeros == (0, 0, 0) and not any(np.signbit(zeros)) and h == 1 and sigmoid == 1
raise SystemExit(0 if shown else "does not deviate")
