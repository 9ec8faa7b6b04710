"""Keras on PyTorch computes float64 in float32 wherever it uses keras.ops.matmul: LSTM with a mask, and Dense.

A mask that hides nothing must change nothing; and x @ I is x.
"""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

x = np.random.default_rng(0).standard_normal((2, 4, 3))
layer = keras.layers.LSTM(5, dtype="float64")
plain, masked = (keras.ops.convert_to_numpy(layer(x, mask=mask)) for mask in (None, np.ones((2, 4), bool)))
product = keras.ops.convert_to_numpy(keras.ops.matmul(keras.ops.convert_to_tensor(x[0]), np.eye(3)))
with_mask, with_matmul = np.abs(plain - masked).max(), np.abs(product - x[0]).max()
print(f"dtype {masked.dtype}; an empty mask moves y by {with_mask:.2g}, matmul with I moves x by {with_matmul:.2g}")
raise SystemExit(0 if with_mask > 1e-10 and with_matmul > 1e-10 else "does not deviate")
