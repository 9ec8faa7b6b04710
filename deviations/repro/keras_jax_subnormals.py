"""Keras on JAX takes subnormal numbers for zeros on the CPU, in inputs and weights alike, as all of JAX does there.

1e-39 is subnormal in float32; times 1e38 it is 0.1. The same with 1e-309 and 1e308 in float64.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax

jax.config.update("jax_enable_x64", True)
import keras
import numpy as np


def h(x, weight, dtype):
    """After one step from zeros in which every gate has the input x * weight."""
    layer = keras.layers.LSTM(1, use_bias=False, dtype=dtype)
    layer.build((1, 1, 1))
    layer.set_weights([np.full((1, 4), weight, dtype), np.zeros((1, 4), dtype)])
    return float(np.asarray(layer(np.full((1, 1, 1), x, dtype))).item())


gate = 1 / (1 + np.exp(-0.1))
right = gate * np.tanh(gate * np.tanh(0.1))
wrong = []
for dtype, small, large in (("float32", 1e-39, 1e38), ("float64", 1e-309, 1e308)):
    got = [h(small, large, dtype), h(large, small, dtype)]
    print(f"{dtype}: h got {got[0]:g} for a subnormal x and {got[1]:g} for a subnormal weight, right {right:.6g}")
    wrong.append(got == [0, 0])
raise SystemExit(0 if all(wrong) else "does not deviate")
