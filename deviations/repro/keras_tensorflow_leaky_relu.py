"""Keras on TensorFlow rounds the slope of leaky_relu to float32, in float64 too: leaky_relu(-1) is minus the slope."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

x = keras.ops.convert_to_tensor(np.array([-1.0]))
got = float(keras.ops.convert_to_numpy(keras.activations.leaky_relu(x, negative_slope=0.1))[0])
print(f"leaky_relu(-1) with slope 0.1 in {keras.backend.standardize_dtype(x.dtype)}: got {got!r}, right -0.1")
raise SystemExit(0 if got == -float(np.float32(0.1)) else "does not deviate")
