"""MLX's sigmoid in float64 has the digits of float32, on its own and in nn.LSTM; its tanh in float64 is right."""

import math

import mlx.core as mx
import mlx.nn
import numpy as np

mx.set_default_device(mx.cpu)


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


z = 0.7
for name, got, wanted in (
    ("sigmoid", mx.sigmoid(mx.array(z, mx.float64)).item(), sigmoid(z)),
    ("tanh", mx.tanh(mx.array(z, mx.float64)).item(), math.tanh(z)),
):
    print(f"{name}({z}) in float64: got {got!r}, right {wanted!r}")

layer = mlx.nn.LSTM(1, 1, bias=False)
weights = np.array([[0.3], [0.2], [-0.9], [0.4]])
layer.update({"Wx": mx.array(weights, mx.float64), "Wh": mx.array(weights, mx.float64)})
y, _ = layer(mx.array([[[z]]], mx.float64))
i, _, g, o = (float(row[0]) * z for row in weights)
right = sigmoid(o) * math.tanh(sigmoid(i) * math.tanh(g))
print(f"y of nn.LSTM in {y.dtype}: got {y.item()!r}, right {right!r}")
off = abs(y.item() / right - 1)
raise SystemExit(0 if y.dtype == mx.float64 and 1e-12 < off < 1e-6 else "does not deviate")
