"""onnxruntime's tanh inside LSTM has wrong digits below 1e-36, where tanh(z) is z to 70 digits and normal.

It is a quotient of polynomials, near 0 (0.0049 z) / 0.0049, and 0.0049 z is subnormal there: it has fewer bits.
i = sigmoid(50) is 1 and f = sigmoid(-50) is 0 to float32, so c is the cell activation of z_g.
"""

import numpy as np
from onnxruntime_step import step

wrong = []
for start in (1e-30, 1e-36, 1e-37, 2e-38):
    arguments = [float(np.float32(start * (1 + 0.037 * n))) for n in range(20)]
    worst = max(abs(step(50, -50, z, 0)[1] - z) / z for z in arguments)
    print(f"tanh(z) for z from {start:g} to {arguments[-1]:.2g}: relative error up to {worst:.2g}")
    wrong.append(worst > 1e-6)
raise SystemExit(0 if wrong == [False, False, True, True] else "does not deviate")
