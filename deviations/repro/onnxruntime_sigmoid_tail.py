"""onnxruntime's sigmoid inside LSTM is 0 below about z = -18: sigmoid(-18) is 1.5e-8, an ordinary float32.

Default activations; f = sigmoid(50) is 1 and i = sigmoid(-50) is 0 to float32, so h is sigmoid(z_o) tanh(c0).
"""

import math

from onnxruntime_step import step

wrong = 0
for z in (-14.0, -16.0, -18.0, -20.0):
    got, _ = step(-50, 50, 0, z, c0=2.0)
    right = math.tanh(2.0) / (1 + math.exp(-z))
    print(f"sigmoid({z:g}) tanh(2): got {got:.6g}, right {right:.6g}, relative error {abs(got / right - 1):.2g}")
    wrong += abs(got / right - 1) > 1e-3
raise SystemExit(0 if wrong >= 2 else "does not deviate")
