"""tf.nn.elu is e^z - 1 as written, which loses the digits of small z."""

import math

import numpy as np
import tensorflow as tf

wrong = 0
for dtype in ("float32", "float64"):
    got = float(tf.nn.elu(np.array([-1e-8], dtype)).numpy()[0])
    right = math.expm1(-1e-8)
    print(f"elu(-1e-8) in {dtype}: got {got:.17g}, right {right:.17g}")
    wrong += abs(got / right - 1) > (1e-2 if dtype == "float32" else 1e-10)
raise SystemExit(0 if wrong else "does not deviate")
