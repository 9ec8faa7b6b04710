"""tinygrad's tanh is 2 sigmoid(2z) - 1, which loses the digits of a small z: 1 is subtracted from almost 1."""

import math

import numpy as np
from tinygrad import Tensor

wrong = []
for dtype, z in ((np.float32, 1.0), (np.float32, 1e-3), (np.float32, 6e-5), (np.float32, 1e-10), (np.float64, 1e-10)):
    got = float(Tensor(np.array([z], dtype), device="CPU").tanh().numpy()[0])
    right = math.tanh(float(dtype(z)))
    off = abs(got / right - 1)
    print(f"tanh({z:g}) in {dtype.__name__}: got {got!r}, right {right!r}, relative error {off:.2g}")
    wrong.append(off > 100 * np.finfo(dtype).eps)
raise SystemExit(0 if wrong == [False, True, True, True, True] else "does not deviate")
