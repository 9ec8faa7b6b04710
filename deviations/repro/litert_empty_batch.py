"""LiteRT computes with a batch of no rows but cannot reset its variables: `reset_all_variables` raises."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_graph import model, unit

content, y = model(
    "Unidirectional",
    [(3, 0, 1), *unit(W=(1, 1, 1, 1)), (0, 1), (0, 1), None, None, None, None],
    (3, 0, 1),
    timeMajor=True,
)
interpreter = Interpreter(model_content=content)
interpreter.allocate_tensors()
interpreter.set_tensor(0, np.ones((3, 0, 1), np.float32))
interpreter.invoke()
print(f"y has shape {interpreter.get_tensor(y).shape}")
try:
    interpreter.reset_all_variables()
except RuntimeError as error:
    print(f"reset_all_variables: {error}")
else:
    raise SystemExit("does not deviate")
