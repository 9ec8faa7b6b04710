"""LiteRT's fused activation NONE leaves the output at o * g, where it is o * c: h = o Hh(c) with Hh(c) = c.

x = 1, and the weights make i = f = o = sigmoid(50), which is 1 to float32, and g = 0.5; c0 = 2.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_graph import model, unit

STATE, CELL = 18, 19
content, y = model(
    "Unidirectional",
    [(1, 1, 1), *unit(W=(50, 50, 0.5, 50)), (1, 1), (1, 1), None, None, None, None],
    (1, 1, 1),
    activation="NONE",
    timeMajor=True,
)
interpreter = Interpreter(model_content=content)
interpreter.allocate_tensors()
interpreter.set_tensor(0, np.ones((1, 1, 1), np.float32))
interpreter.set_tensor(CELL, np.full((1, 1), 2.0, np.float32))
interpreter.invoke()
c, h = interpreter.get_tensor(CELL).item(), interpreter.get_tensor(y).item()
print(f"c: got {c:g}, right 2.5; h: got {h:g}, right 2.5")
raise SystemExit(0 if c == 2.5 and abs(h - 2.5) > 0.1 else "does not deviate")
