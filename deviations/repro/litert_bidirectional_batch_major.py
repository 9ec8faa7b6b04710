"""LiteRT's BIDIRECTIONAL_SEQUENCE_LSTM, batch major with merged outputs, takes h of row b from row 2b of the state.

One step of two rows, the same row twice: both have the same h0, so they have the same answer. It is called
batch major and time major.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_graph import model, unit

FORWARD_H, BACKWARD_H, C = 35, 37, (36, 38)
weights = unit(W=(1, 0, 1, 1), R=(0.5, 0, 2, 1))


def run(time_major):
    """y (2, 2) and the forward direction's final h (2)."""
    shape = (1, 2, 1) if time_major else (2, 1, 1)
    content, y = model(
        "Bidirectional",
        [shape, *weights, *weights, *[(2, 1)] * 4, *[None] * 9],
        (*shape[:2], 2),
        timeMajor=time_major,
        mergeOutputs=True,
    )
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones(shape, np.float32))
    for state, value in ((FORWARD_H, 0.5), (BACKWARD_H, 0.5), (C[0], 0.0), (C[1], 0.0)):
        interpreter.set_tensor(state, np.full((2, 1), value, np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(y).reshape(2, 2), interpreter.get_tensor(FORWARD_H).ravel()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


right = sigmoid(1.5) * np.tanh(sigmoid(1.25) * np.tanh(2.0))
for time_major in (True, False):
    y, h = run(time_major)
    layout = "time major" if time_major else "batch major"
    print(f"{layout}: forward y of both rows {y[:, 0]}, final h {h}, right {right:.7f} everywhere")
    wrong = np.abs([*y[:, 0], *h] - right).max() > 1e-5
    if wrong == time_major:
        raise SystemExit("does not deviate")
