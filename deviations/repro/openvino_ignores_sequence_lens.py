"""OpenVINO ignores LSTM's sequence_lens on the CPU where the sizes of the model are open.

A row of length 2 must leave the state it has after two steps. The same model with fixed sizes is right, and so is one
with a clip, even if it bounds nothing: the plugin then computes a loop of operations, not one primitive.
"""

import numpy as np
import openvino
from onnx_lstm import lstm, numbers

CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}
tensors = numbers(0, x=(4, 1, 3), W=(1, 8, 3), R=(1, 8, 2), h0=(1, 1, 2), c0=(1, 1, 2))


def final_h(steps, length, open_sizes, **attributes):
    """Y_h after `length` of `steps` steps, and whether it was computed in a loop."""
    changed = tensors | {"x": tensors["x"][:steps], "lens": np.array([length], np.int32)}
    model, feeds = lstm(changed, open_sizes, **attributes)
    compiled = openvino.compile_model(openvino.Core().read_model(model.SerializeToString()), "CPU", CONFIG)
    kinds = {str(node.get_rt_info()["layerType"].astype(str)) for node in compiled.get_runtime_model().get_ops()}
    return compiled(feeds)["h"], "TensorIterator" in kinds


(got, as_loop), (fixed, _), (clipped, clipped_as_loop) = (
    final_h(4, 2, open_sizes=True),
    final_h(4, 2, open_sizes=False),
    final_h(4, 2, open_sizes=True, clip=1000.0),
)
right, whole = final_h(2, 2, open_sizes=False)[0], final_h(4, 4, open_sizes=False)[0]
print(f"got {got.ravel()}, right {right.ravel()}, after all 4 steps {whole.ravel()}")
print(f"sizes fixed {fixed.ravel()}; with clip = 1000 {clipped.ravel()}")
as_if_whole = np.allclose(got, whole, atol=1e-6) and not np.allclose(got, right, atol=1e-2)
others_right = np.allclose([fixed, clipped], right, atol=1e-6)
raise SystemExit(0 if as_if_whole and others_right and clipped_as_loop and not as_loop else "does not deviate")
