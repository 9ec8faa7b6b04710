"""onnxruntime's ScaledTanh inside LSTM loses small arguments: it is 0 at 1e-8, where tanh(z) is z to 16 digits.

i = sigmoid(50) is 1 and f = sigmoid(-50) is 0 to float32, so c is the cell activation of z_g.
"""

from onnxruntime_step import step

scaled = {"activations": ["Sigmoid", "ScaledTanh", "Tanh"], "activation_alpha": [1.0], "activation_beta": [1.0]}
wrong = 0
for z in (1e-8, 1e-7):
    _, got = step(50, -50, z, 0, **scaled)
    print(f"ScaledTanh({z:g}): got {got:.6g}, right {z:.6g}")
    wrong += abs(got - z) > 0.1 * abs(z)
raise SystemExit(0 if wrong == 2 else "does not deviate")
