"""Keras on TensorFlow raises for a batch of no rows: keras.ops.add takes a tensor of shape (0, n) for a bias of n."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf

nothing = np.zeros((0, 4), "float32")
print(f"tf.add of two empty matrices: shape {tf.add(nothing, nothing).shape}")
raised = []
for name, call in (
    ("keras.ops.add of the same", lambda: keras.ops.add(nothing, nothing)),
    ("keras.layers.LSTM", lambda: keras.layers.LSTM(3)(np.zeros((0, 5, 2), "float32"))),
):
    try:
        print(f"{name}: shape {call().shape}")
    except tf.errors.InvalidArgumentError as error:
        raised.append(name)
        print(f"{name}: {type(error).__name__}, {next(line for line in str(error).splitlines() if 'Biases' in line)}")
raise SystemExit(0 if len(raised) == 2 else "does not deviate")
