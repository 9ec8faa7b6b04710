"""TensorFlow Lite Micro's LSTM bounds the cell at float32's largest number where there is no clip: infinity is lost.

x = 1, and the weights make i = f = o = sigmoid(50), which is 1 to float32, and g = 0; c0 = inf. So c = inf, h = 1.
"""

import numpy as np
from litert_graph import model, unit
from tflite_micro.python.tflite_micro import runtime

content, _ = model(
    "Unidirectional",
    [(1, 1, 1), *unit(W=(50, 50, 0, 50)), (1, 1), (1, 1), None, None, None, None],
    (1, 1, 1),
    timeMajor=True,
    states=(18, 19),
)
interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 16)
interpreter.set_input(np.ones((1, 1, 1), np.float32), 0)
interpreter.set_input(np.full((1, 1), np.inf, np.float32), 2)
interpreter.invoke()
h, c = interpreter.get_output(0).item(), interpreter.get_output(2).item()
print(f"c: got {c:g}, right inf; h: got {h:g}, right 1")
raise SystemExit(0 if np.isfinite(c) else "does not deviate")
