"""IREE's CPU device takes subnormal numbers for zeros while a module runs: given ones, and those that arise in a sum.

One step with i = f = o = 1 to float32. 1e-39 is subnormal in float32; times 1e38 it is 0.1. Eight products of 4e-39 are
added up to 3.2e-38, which is not subnormal.
"""

import numpy as np
from iree_run import answer
from onnx_lstm import lstm


def cell(x, w, c0=0.0):
    """c after one step in which the candidate's input is x times w, for each of the inputs."""
    column = np.zeros((1, 4, len(x)), np.float32)
    column[0, 3] = w
    bias = np.zeros((1, 8), np.float32)
    bias[0, :3] = 40
    state = np.full((1, 1, 1), c0, np.float32)
    tensors = {"x": np.array(x, np.float32).reshape(1, 1, -1), "W": column, "R": np.zeros((1, 4, 1), np.float32)}
    return float(answer(*lstm(tensors | {"B": bias, "h0": np.zeros_like(state), "c0": state}))[2].item())


right = np.tanh(0.1)
got = [cell([1e-39], [1e38]), cell([1e38], [1e-39]), cell([0], [0], c0=1e-39), cell([1e-19] * 8, [4e-20] * 8)]
normal = [cell([1e-37], [1e36]), cell([0], [0], c0=2e-38), cell([1e-18] * 8, [4e-20] * 8)]
print(f"c for a subnormal x: {got[0]:g}, for a subnormal weight: {got[1]:g}, right {right:g}")
print(f"c for a subnormal c0: {got[2]:g}, right 1e-39; for a sum of subnormal products: {got[3]:g}, right 3.2e-38")
print(f"where all are normal: {normal[0]:g}, right {right:g}; {normal[1]:g}, right 2e-38; {normal[2]:g}, right 3.2e-37")
deviates = got == [0, 0, 0, 0] and np.allclose(normal, [right, 2e-38, 3.2e-37], rtol=1e-6, atol=0)
raise SystemExit(0 if deviates else "does not deviate")
