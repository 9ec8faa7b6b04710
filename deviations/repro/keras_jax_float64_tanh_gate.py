"""Keras on JAX raises for a float64 LSTM whose gates use tanh, which its default activations do not do."""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax

jax.config.update("jax_enable_x64", True)
import keras
import numpy as np

try:
    keras.layers.LSTM(5, recurrent_activation="tanh", dtype="float64")(np.ones((2, 4, 3)))
except TypeError as error:
    print(str(error).splitlines()[0])
else:
    raise SystemExit("does not deviate")
