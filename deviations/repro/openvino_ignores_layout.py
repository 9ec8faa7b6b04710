"""OpenVINO's reader of ONNX models reads LSTM's x as (T, B, I) although layout = 1 says that it is (B, T, I).

Three rows of five steps are computed as five rows of three steps, or refused because the states' sizes do not fit.
"""

import openvino
from onnx_lstm import lstm, numbers


def shape_of_y(tensors):
    """The shape of y where layout is 1."""
    model, feeds = lstm(tensors, layout=1)
    read = openvino.Core().read_model(model.SerializeToString())
    return tuple(openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(feeds)["y"].shape)


tensors = numbers(0, x=(3, 5, 4), W=(1, 24, 4), R=(1, 24, 6))
got = shape_of_y(tensors)
print(f"y: got shape {got}, right (3, 5, 1, 6)")
try:
    refused = f"y of shape {shape_of_y(tensors | numbers(1, h0=(3, 1, 6), c0=(3, 1, 6)))}"
except RuntimeError as error:
    refused = next(line for line in str(error).splitlines() if line.startswith("Dimension"))
print(f"with states: got {refused}")
raise SystemExit(0 if got == (3, 1, 5, 6) and refused.startswith("Dimension") else "does not deviate")
