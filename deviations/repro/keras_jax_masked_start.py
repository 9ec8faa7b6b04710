"""Keras on JAX puts the initial state into y at the masked steps that a scan meets before a row's first one.

A masked step repeats the output of the step before; before the first there is none, and a zero stands for it
(keras/src/backend/tensorflow/rnn.py says so, and the TensorFlow and PyTorch backends do so).
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np

state = np.full((1, 1), 0.5, "float32")
wrong = 0
for backwards, mask in ((False, [False, False, True]), (True, [True, False, False])):
    layer = keras.layers.LSTM(1, return_sequences=True, go_backwards=backwards)
    y = np.asarray(layer(np.ones((1, 3, 1), "float32"), mask=np.array([mask]), initial_state=[state, state])).ravel()
    print(f"go_backwards={backwards}, mask {mask}: y in the order of processing {y}; the first two right 0 0")
    wrong += np.array_equal(y[:2], [0.5, 0.5])
raise SystemExit(0 if wrong == 2 else "does not deviate")
