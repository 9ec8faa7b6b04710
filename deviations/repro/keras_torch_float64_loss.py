"""Keras on PyTorch takes the mean of a float64 loss in float32: the sum and the single losses are right to 1e-15."""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

logits = np.random.default_rng(0).standard_normal((4, 5))
classes = np.array([0, 1, 2, -1])
rows = np.arange(3)
single = np.log(np.exp(logits[rows]).sum(-1)) - logits[rows, classes[rows]]
given = {"from_logits": True, "ignore_class": -1, "dtype": "float64"}
tensor = keras.ops.convert_to_tensor(logits)
mean = float(keras.losses.SparseCategoricalCrossentropy(**given)(classes, tensor))
sum_ = float(keras.losses.SparseCategoricalCrossentropy(**given, reduction="sum")(classes, tensor))
print(f"the mean is off by {abs(mean - single.mean()):.2g}, the sum by {abs(sum_ - single.sum()):.2g}")
raise SystemExit(0 if abs(mean - single.mean()) > 1e-10 else "does not deviate")
