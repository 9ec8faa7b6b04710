"""TensorFlow adds up the gradient of a bias in bfloat16, row after row, where it sums other things in float32.

The gradient of 816 rows is wrong by 19 units in the last place of its largest element, tf.reduce_sum of the same rows
by less than one.
"""

import ml_dtypes
import numpy as np
import tensorflow as tf

rows = (np.random.default_rng(0).standard_normal((816, 127)) / 816).astype(ml_dtypes.bfloat16)
right = rows.astype(np.float64).sum(axis=0)
found = {
    "BiasAddGrad": tf.raw_ops.BiasAddGrad(out_backprop=tf.constant(rows)),
    "reduce_sum": tf.reduce_sum(tf.constant(rows), axis=0),
}
errors = {
    name: np.abs(got.numpy().astype(np.float64) - right).max() / np.abs(right).max() * 256
    for name, got in found.items()
}
for name, error in errors.items():
    print(f"{name}: wrong by {error:.2g} units of the largest element in bfloat16")
raise SystemExit(0 if errors["BiasAddGrad"] > 10 and errors["reduce_sum"] < 1 else "does not deviate")
