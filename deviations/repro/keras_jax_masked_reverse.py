"""Keras on JAX puts the initial state into y at the masked steps that a reverse scan meets first.

A masked step repeats the output of the step before; before the first there is none, and a zero stands for it
(keras/src/backend/tensorflow/rnn.py says so, and the TensorFlow and PyTorch backends do so).
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np

layer = keras.layers.LSTM(1, return_sequences=True, go_backwards=True)
state = np.full((1, 1), 0.5, "float32")
mask = np.array([[True, False, False]])
y = np.asarray(layer(np.ones((1, 3, 1), "float32"), mask=mask, initial_state=[state, state])).ravel()
print(f"y in the order of processing {y}; the first two steps are masked, right 0 0")
raise SystemExit(0 if np.array_equal(y[:2], [0.5, 0.5]) else "does not deviate")
