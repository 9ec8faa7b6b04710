"""OpenVINO's reader of ONNX models gives both directions of an LSTM the activations of the first.

`activations` lists six for two directions. One step with H = 1 and equal weights: the second direction's cell candidate
is Relu(2) = 2 by its own list, tanh(2) by that of the first.
"""

import math

import numpy as np
import openvino
from onnx_lstm import lstm, step

both = {name: np.repeat(array, 2, 0) if name != "x" else array for name, array in step([0, 0, 0, 2]).items()}
model, feeds = lstm(both, direction="bidirectional", activations=["Sigmoid", "Tanh", "Tanh", "Sigmoid", "Relu", "Tanh"])
read = openvino.Core().read_model(model.SerializeToString())
first, second = openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)["c"].ravel()
print(f"c of the second direction: got {second:.7f}, right {0.5 * 2:.7f}, by the first's list {0.5 * math.tanh(2):.7f}")
raise SystemExit(0 if first == second and abs(second - 1) > 1e-2 else "does not deviate")
