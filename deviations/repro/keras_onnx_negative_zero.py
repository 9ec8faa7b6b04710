"""Keras' ONNX export (tf2onnx) turns -0 into +0 under a mask: Select is written as c * a + (1 - c) * b."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import onnxruntime

x, mask = keras.Input((None, 1), name="x"), keras.Input((None,), dtype="bool", name="mask")
layer = keras.layers.LSTM(1, recurrent_activation="hard_sigmoid")
model = keras.Model([x, mask], layer(x, mask=mask))
# An output gate that a bias of -8 shuts, and a negative cell state: h = 0 * tanh(c) = -0.
layer.set_weights(
    [
        np.array([[0, 0, 1, 0]], "float32"),
        np.zeros((1, 4), "float32"),
        np.array([0, 0, 0, -8], "float32"),
    ]
)
feeds = {"x": np.array([[[-1.0]]], "float32"), "mask": np.array([[True]])}
right = float(np.asarray(model([feeds["x"], feeds["mask"]])).item())
with tempfile.TemporaryDirectory() as folder:
    model.export(f"{folder}/model.onnx", format="onnx", verbose=False)
    got = float(onnxruntime.InferenceSession(f"{folder}/model.onnx").run(None, feeds)[0].item())
print(f"final h of a shut output gate and a negative cell state: got {got}, right {right}")
raise SystemExit(0 if (str(got), str(right)) == ("0.0", "-0.0") else "does not deviate")
