"""Keras reverses the y of an LSTM that goes backwards, and passes the mask on unreversed, so the two no longer match.

The second LSTM must skip the padding, whose place in the reversed sequence is at the front. The layers are
backend-independent here: JAX and PyTorch give the same.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.array([[[0.5], [-0.25], [9.0], [9.0], [9.0]]], "float32")  # 9 marks the padding
masking = keras.layers.Masking(mask_value=9.0)
first, second = keras.layers.LSTM(3, go_backwards=True, return_sequences=True), keras.layers.LSTM(3)
got = keras.ops.convert_to_numpy(second(first(masking(x))))
right = keras.ops.convert_to_numpy(second(first(x[:, :2])))
error = float(np.abs(got - right).max())
print(f"final h of the second layer, a row of 2 steps padded to 5: wrong by {error:.2g}")
raise SystemExit(0 if error > 1e-4 else "does not deviate")
