"""Keras' loss leaves out the wrong steps of an LSTM that goes backwards: y is reversed, and the mask on it is not.

A row of 2 steps, padded to 5, in the order of processing: its two steps come last in y, and count; the mask says that
the first two do. The right loss is that of the row without its padding.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.array([[[0.5], [-0.25], [9.0], [9.0], [9.0]]], "float32")  # 9 marks the padding
masking = keras.layers.Masking(mask_value=9.0)
layer = keras.layers.LSTM(3, go_backwards=True, return_sequences=True)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
got = float(loss(np.array([[0, 0, 0, 1, 2]]), layer(masking(x))))
right = float(loss(np.array([[1, 2]]), layer(x[:, :2])))
print(f"loss: got {got:.6g}, right {right:.6g}")
raise SystemExit(0 if abs(got - right) > 1e-4 else "does not deviate")
