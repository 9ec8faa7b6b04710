"""Keras' mask keeps a NaN in a masked step out of the answer, but not out of the gradients: 0 * NaN on the way back.

The same on every backend (KERAS_BACKEND).
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras
import numpy as np

x, mask = keras.Input((None, 1)), keras.Input((None,), dtype="bool")
model = keras.Model([x, mask], keras.layers.LSTM(1)(x, mask=mask))
model.compile(optimizer="sgd", loss="mse")
row = [np.array([[[1.0], [np.nan]]], "float32"), np.array([[True, False]])]
h = float(keras.ops.convert_to_numpy(model(row)).item())
model.train_on_batch(row, np.zeros((1, 1), "float32"))
kernel = np.asarray(model.get_weights()[0])
print(f"{keras.backend.backend()}: h {h:.7f}; the kernel after one step of training {kernel}, right: four numbers")
raise SystemExit(0 if np.isfinite(h) and np.isnan(kernel).any() else "does not deviate")
