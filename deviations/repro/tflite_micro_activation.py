"""TensorFlow Lite Micro's LSTM computes the candidate linearly for every fused activation but TANH, and Hh as tanh.

x = 1, and the weights make i = f = o = sigmoid(50), which is 1 to float32, and z_g = -0.5; c0 = 2. With RELU,
c = 2 + relu(-0.5) = 2 and h = relu(c) = 2.
"""

import numpy as np
from litert_graph import model, unit
from tflite_micro.python.tflite_micro import runtime

content, _ = model(
    "Unidirectional",
    [(1, 1, 1), *unit(W=(50, 50, -0.5, 50)), (1, 1), (1, 1), None, None, None, None],
    (1, 1, 1),
    activation="RELU",
    timeMajor=True,
    states=(18, 19),
)
interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 16)
interpreter.set_input(np.ones((1, 1, 1), np.float32), 0)
interpreter.set_input(np.full((1, 1), 2.0, np.float32), 2)
interpreter.invoke()
h, c = interpreter.get_output(0).item(), interpreter.get_output(2).item()
print(f"RELU: c: got {c:g}, right 2, linear 1.5; h: got {h:g}, right 2, tanh {np.tanh(1.5):g}")
raise SystemExit(0 if c == 1.5 and abs(h - np.tanh(1.5)) < 1e-6 else "does not deviate")
