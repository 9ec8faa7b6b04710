"""Keras on JAX computes a float64 LSTM in float32 and labels it float64, with JAX's x64 mode on.

The truth is the definition in NumPy float64, on the layer's own weights.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax

jax.config.update("jax_enable_x64", True)
import keras
import numpy as np

x = np.random.default_rng(0).standard_normal((2, 4, 3))
layer = keras.layers.LSTM(5, dtype="float64")
got = np.asarray(layer(x))
W, R, b = (np.asarray(w) for w in layer.weights[:3])
h = c = np.zeros((2, 5))
for t in range(4):
    i, f, g, o = np.split(x[:, t] @ W + h @ R + b, 4, axis=1)
    c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    h = np.tanh(c) / (1 + np.exp(-o))
error = np.abs(got - h).max()
inside = keras.ops.tanh(keras.ops.convert_to_tensor(np.ones(2))).dtype
print(f"dtype {got.dtype}, largest error {error:.2g}; keras.ops.tanh of float64 is {inside}")
raise SystemExit(0 if got.dtype == np.float64 and error > 1e-9 else "does not deviate")
