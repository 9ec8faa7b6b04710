"""onnxruntime's Elu inside LSTM is e^z - 1 as written, which loses the digits of small z: it is 0 at -1e-8.

i = sigmoid(50) is 1 and f = sigmoid(-50) is 0 to float32, so c is Elu(z_g).
"""

import math

from onnxruntime_step import step

_, got = step(50, -50, -1e-8, 0, activations=["Sigmoid", "Elu", "Tanh"], activation_alpha=[1.0])
right = math.expm1(-1e-8)
print(f"Elu(-1e-8): got {got:.6g}, right {right:.6g}")
raise SystemExit(0 if abs(got - right) > 1e-9 else "does not deviate")
