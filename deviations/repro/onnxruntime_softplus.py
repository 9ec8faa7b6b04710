"""onnxruntime's Softplus inside LSTM is log(1 + e^z) as written, which overflows: infinite from z = 89.

i = sigmoid(50) is 1 and f = sigmoid(-50) is 0 to float32, so c is Softplus(z_g).
"""

import math

from onnxruntime_step import step

wrong = 0
for z, right in [(89.0, 89.0), (100.0, 100.0)]:
    _, got = step(50, -50, z, 0, activations=["Sigmoid", "Softplus", "Tanh"])
    print(f"Softplus({z:g}): got {got:.9g}, right {right:.9g}")
    wrong += not math.isclose(got, right, rel_tol=1e-5)
raise SystemExit(0 if wrong == 2 else "does not deviate")
