"""IREE computes LSTM's activations other than Sigmoid, Tanh and Relu as Relu."""

import numpy as np
from iree_run import answer
from onnx_lstm import lstm, numbers
from plain_lstm import sigmoid, states


def softsign(z):
    return z / (1 + np.abs(z))


def relu(z):
    return np.maximum(z, 0)


tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
got = answer(*lstm(tensors, activations=["Sigmoid", "Softsign", "Tanh"]))[1][0]
right, of_relu = (states(tensors, activations=(sigmoid, g, np.tanh))[-1][0] for g in (softsign, relu))
print(f"h: got {got.ravel()}, right {right.ravel()}, with relu for softsign {of_relu.ravel()}")
deviates = np.allclose(got, of_relu, atol=1e-6) and not np.allclose(got, right, atol=1e-2)
raise SystemExit(0 if deviates else "does not deviate")
