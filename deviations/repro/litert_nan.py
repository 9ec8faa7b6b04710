"""LiteRT turns NaN into a number: a clip into its bound, ReLU into 0, and a step whose x is 0 skips NaN weights.

One unit; c0 is NaN, so c is NaN, and so is h; or W_o is NaN, and 0 * NaN is NaN.
"""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_graph import model, unit

STATE, CELL = 18, 19


def step(x, c0, W, **options):
    """h and c after one step."""
    content, _ = model(
        "Unidirectional",
        [(1, 1, 1), *unit(W=W), (1, 1), (1, 1), None, None, None, None],
        (1, 1, 1),
        timeMajor=True,
        **options,
    )
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.full((1, 1, 1), x, np.float32))
    interpreter.set_tensor(CELL, np.full((1, 1), c0, np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(STATE).item(), interpreter.get_tensor(CELL).item()


ones = (1, 1, 1, 1)
answers = {
    "c0 NaN, cell_clip 0.5": step(1, np.nan, ones, cellClip=0.5),
    "c0 NaN, ReLU": step(1, np.nan, ones, activation="RELU"),
    "W_o NaN, x 0": step(0, 0.5, (1, 1, 1, np.nan)),
}
for name, (h, c) in answers.items():
    print(f"{name}: h {h:g}, right nan; c {c:g}")
print(f"without an option, c0 NaN: h {step(1, np.nan, ones)[0]:g}")
raise SystemExit(0 if all(np.isfinite(h) for h, _ in answers.values()) else "does not deviate")
