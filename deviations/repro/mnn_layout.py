"""MNN's LSTM returns nothing, or outputs of other shapes, with the attribute layout=1, x (B, T, I)."""

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, numbers
from plain_lstm import states

tensors = numbers(0, x=(3, 2, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16))  # T = 3, B = 2
turned = tensors | {"x": np.ascontiguousarray(tensors["x"].swapaxes(0, 1))}
right = np.allclose(answer(*lstm(tensors))[1][0], states(tensors)[-1][0], atol=1e-6)
without = answer(*lstm(turned, layout=1))
both = answer(*lstm(turned | numbers(1, h0=(2, 1, 2), c0=(2, 1, 2)), layout=1))
print(f"layout=0 right: {right}; layout=1: h {without[1].shape}, needs (2, 1, 2); with states {len(both)} outputs")
raise SystemExit(0 if right and without[1].shape != (2, 1, 2) and not both else "does not deviate")
