"""IREE's CPU device flushes a subnormal sum to zero wherever one arises, whatever is added to it afterwards.

The inputs and the weights are normal numbers. A product is fused into the sum that it is added to, so it is not flushed
by itself: the answer is that of a chain of fused multiply-adds, each of whose subnormal results is replaced by 0. Here
i is 0.5 and tanh(z) is z, for the numbers are so small, so that c is half of the sum.
"""

import numpy as np
from iree_run import answer
from onnx_lstm import lstm

SMALLEST = 2.0**-126
generator = np.random.default_rng(1)
x = generator.uniform(-2.8e-37, 2.8e-37, (1, 3, 7)).astype(np.float32)
W, R = (generator.uniform(-0.45, 0.45, (1, 20, n)).astype(np.float32) for n in (7, 5))


def cells(x):
    """c after one step without a bias or a state, of IREE."""
    return answer(*lstm({"x": x, "W": W, "R": R, "B": np.zeros((1, 40), np.float32)}))[2][0]


total = np.zeros((3, 5))
for column, weights in zip(x[0].T.astype(np.float64), W[0, 15:].T.astype(np.float64), strict=True):
    total = (total + column[:, None] * weights).astype(np.float32).astype(np.float64)
    total[np.abs(total) < SMALLEST] = 0
flushed, right = (0.5 * z for z in (total, x[0].astype(np.float64) @ W[0, 15:].T))
flushed[np.abs(flushed) < SMALLEST] = 0
got = cells(x)
off, apart = (np.abs(got - c).max() / np.abs(right).max() for c in (right, flushed))
larger = np.abs(cells(x * np.float32(2**40)) / (2.0**40 * right) - 1).max()
print(f"c of a sum of tiny products: off by {off:.2g} of the largest; from that of flushed sums by {apart:.2g}")
print(f"the same times 2^40: relative error {larger:.2g}")
raise SystemExit(0 if off > 0.01 and apart < 1e-6 and larger < 1e-5 else "does not deviate")
