"""MNN's LSTM computes both directions with the first three of six activations."""

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, numbers
from plain_lstm import sigmoid, states


def relu(z):
    return np.maximum(z, 0)


tensors = numbers(0, x=(3, 1, 2), W=(2, 8, 2), R=(2, 8, 2), B=(2, 16), h0=(2, 1, 2), c0=(2, 1, 2))
names = ["Sigmoid", "Relu", "Tanh", "Sigmoid", "Tanh", "Tanh"]
got = answer(*lstm(tensors, direction="bidirectional", activations=names))[1][1]
second = {name: array if name == "x" else array[1:] for name, array in tensors.items()}
right = states(second, reverse=True)[-1][0]
of_first = states(second, reverse=True, activations=(sigmoid, relu, np.tanh))[-1][0]
print(f"h: got {got.ravel()}, right {right.ravel()}, with the first direction's {of_first.ravel()}")
deviates = np.allclose(got, of_first, atol=1e-6) and not np.allclose(got, right, atol=1e-2)
raise SystemExit(0 if deviates else "does not deviate")
