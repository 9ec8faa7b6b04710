"""MNN's LSTM with Relu as the activation of the cell turns NaN into 0.

One step with H = 1; the input of the cell's gate is NaN, and c0 = 2 is kept by half (the forget gate is sigmoid(0)).
"""

import math

from mnn_run import answer
from onnx_lstm import lstm, step

names = ["Sigmoid", "Relu", "Tanh"]
given = float(answer(*lstm(step([0, 0, 0, 3.0], c0=2.0), activations=names))[2].item())
nan = float(answer(*lstm(step([0, 0, 0, math.nan], c0=2.0), activations=names))[2].item())
print(f"c for an input of 3: got {given}, right 2.5; for NaN: got {nan}, right nan")
raise SystemExit(0 if abs(given - 2.5) < 1e-6 and abs(nan - 1.0) < 1e-6 else "does not deviate")
