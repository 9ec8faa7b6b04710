"""Keras' ONNX export (tf2onnx) lets a NaN in masked input through: Select is written as c * a + (1 - c) * b."""

import os
import tempfile

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import onnxruntime

x, mask = keras.Input((None, 1), name="x"), keras.Input((None,), dtype="bool", name="mask")
model = keras.Model([x, mask], keras.layers.LSTM(1)(x, mask=mask))
feeds = {"x": np.array([[[1.0], [np.nan]]], "float32"), "mask": np.array([[True, False]])}
right = float(np.asarray(model([feeds["x"], feeds["mask"]])).item())
with tempfile.TemporaryDirectory() as folder:
    model.export(f"{folder}/model.onnx", format="onnx", verbose=False)
    got = float(onnxruntime.InferenceSession(f"{folder}/model.onnx").run(None, feeds)[0].item())
print(f"final h of a row whose second, masked step is NaN: got {got}, right {right:.7f}")
raise SystemExit(0 if np.isnan(got) and np.isfinite(right) else "does not deviate")
