"""LiteRT Torch writes an infinite weight as the largest finite number, and LiteRT's sigmoid of what comes of it is NaN.

XNNPACK's sigmoid is NaN for finite numbers between about 5e26 and 2e38; that of larger ones and of infinities is right.
"""

import math

import torch
from torch_litert_call import converted

layer = torch.nn.Linear(1, 1, bias=False)
layer.weight.data[:] = math.inf
(product,) = converted(layer, [0.25])
print(f"inf as a weight, times 0.25: got {product:g}, right inf")
numbers = [-math.inf, -1e30, -1e10, 1e10, 1e30, math.inf]
got = converted(torch.sigmoid, numbers)
for number, result in zip(numbers, got, strict=True):
    print(f"sigmoid({number:g}): got {result:g}, right {float(number > 0):g}")
shown = product < 1e38 and [math.isnan(result) for result in got] == [False, True, False, False, True, False]
raise SystemExit(0 if shown else "does not deviate")
