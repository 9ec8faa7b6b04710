"""OpenVINO's CPU plugin replaces subnormal numbers in constants by zeros, and so an LSTM's weights.

1e-39 is subnormal in float32; times 1e38 it is 0.1. As a weight it is lost, as an input it is not. The plugin's option
CPU_DENORMALS_OPTIMIZATION, which allows this, is off.
"""

import numpy as np
import openvino
from onnx_lstm import lstm, step

CONFIG = {"INFERENCE_PRECISION_HINT": "f32", "CPU_DENORMALS_OPTIMIZATION": False}


def h(x, weight):
    """After one step in which every gate has the input x * weight."""
    model, feeds = lstm(step([weight] * 4))
    feeds["x"] = np.full_like(feeds["x"], x)
    compiled = openvino.compile_model(openvino.Core().read_model(model.SerializeToString()), "CPU", CONFIG)
    return float(compiled(feeds)["h"].item())


z = float(np.float32(1e-39)) * 1e38
gate = 1 / (1 + np.exp(-z))
right = gate * np.tanh(gate * np.tanh(z))
lost, kept = h(1e38, 1e-39), h(1e-39, 1e38)
print(f"h: got {lost:.9g} with a subnormal weight, {kept:.9g} with a subnormal input, right {right:.9g}")
raise SystemExit(0 if lost == 0 and abs(kept - right) < 1e-6 else "does not deviate")
