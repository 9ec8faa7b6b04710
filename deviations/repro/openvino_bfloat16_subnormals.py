"""OpenVINO in bfloat16 takes subnormal numbers for zeros, as the processor's instructions for bfloat16 do.

1e-39 is subnormal in bfloat16 as in float32; times 1e38 it is 0.1. A bfloat16 keeps four of its bits, 1.01e-39. With
INFERENCE_PRECISION_HINT f32 the same model is right; bf16 is the default on a processor that has these instructions.
"""

import numpy as np
import openvino
from onnx_lstm import lstm, step


def h(precision):
    """After one step in which every gate has the input 1e-39 * 1e38."""
    model, feeds = lstm(step([1e38] * 4))
    feeds["x"] = np.full_like(feeds["x"], 1e-39)
    read = openvino.Core().read_model(model.SerializeToString())
    return float(openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": precision})(feeds)["h"].item())


if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
    print("this processor has no instructions for bfloat16")
    raise SystemExit(0)
z = float(np.float32(1e-39)) * 1e38
gate = 1 / (1 + np.exp(-z))
right = gate * np.tanh(gate * np.tanh(z))
print(f"h: got {h('bf16'):.9g} in bf16, {h('f32'):.9g} in f32, right {right:.9g}")
raise SystemExit(0 if h("bf16") == 0 and abs(h("f32") - right) < 1e-6 else "does not deviate")
