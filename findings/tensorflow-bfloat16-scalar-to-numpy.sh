#!/usr/bin/env bash
# tensorflow-cpu 2.21.0 with numpy 2.4.6 and ml_dtypes 0.6.0: np.array of a bfloat16 tensor works, but not of a scalar.
#
# Expected: np.array and np.asarray take an eager tensor of any dtype and shape, as they do for float16, where a scalar
# becomes an array of shape (). In fact they raise ValueError for a bfloat16 scalar: Tensor.__array__ returns an
# ml_dtypes.bfloat16 there, which is not an array. So keras.ops.convert_to_numpy(loss) of a model in bfloat16 raises on
# the TensorFlow backend, whatever the model. tensor.numpy() gives the number; reshaped to (1,), the tensor converts.
#
# Seen:
#   float16 scalar: shape ()
#   bfloat16 of shape (1,): shape (1,)
#   bfloat16 scalar: ValueError: object __array__ method not producing an array
#   bfloat16 scalar .numpy(): 1.5
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'tensorflow-cpu==2.21.0' 'numpy==2.4.6' 'ml_dtypes==0.6.0' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2> "$folder/log" <<'PYTHON' || { cat "$folder/log"; exit 1; }
import numpy as np
import tensorflow as tf

half, brain = (tf.cast(1.5, dtype) for dtype in (tf.float16, tf.bfloat16))
print("float16 scalar: shape", np.array(half).shape)
print("bfloat16 of shape (1,): shape", np.array(tf.reshape(brain, (1,))).shape)
try:
    np.array(brain)
except ValueError as error:
    print("bfloat16 scalar: ValueError:", error)
else:
    raise SystemExit("changed: np.array takes a bfloat16 scalar")
print("bfloat16 scalar .numpy():", brain.numpy())
PYTHON
