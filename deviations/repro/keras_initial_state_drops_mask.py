"""Keras drops the mask of a Masking or Embedding layer as soon as an LSTM is given an initial state.

https://keras.io/guides/understanding_masking_and_padding/ promises that Keras fetches the mask of an input and passes
it on. Zeros are the initial state that an LSTM starts from anyway, so giving them must change nothing. The layer is
backend-independent here: JAX and PyTorch give the same.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.array([[[0.5], [-0.25], [9.0], [9.0]]], "float32")  # 9 marks the padding
zeros = np.zeros((1, 3), "float32")
masking, lstm = keras.layers.Masking(mask_value=9.0), keras.layers.LSTM(3)
right = keras.ops.convert_to_numpy(lstm(x[:, :2]))
error = {}
for name, state in (("no initial state", None), ("an initial state of zeros", [zeros, zeros])):
    got = keras.ops.convert_to_numpy(lstm(masking(x), initial_state=state))
    error[name] = float(np.abs(got - right).max())
    print(f"the final h of a row of 2 steps, padded to 4, with {name}: wrong by {error[name]:.2g}")
kept, dropped = error.values()
raise SystemExit(0 if kept < 1e-6 and dropped > 1e-4 else "does not deviate")
