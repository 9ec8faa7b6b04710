"""LiteRT writes past its scratch buffer where a projection has over H + 16 outputs: it has room for H + 16 a row.

The projection's bias goes to the buffer of a gate first. Called in a process of its own, which does not survive.
"""

import subprocess
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from litert_graph import model

T, B, H, P = 6, 4, 8, 108


def project():
    matrices = [np.zeros((H, 1)), *[np.zeros((H, 1))] * 3, *[np.zeros((H, P))] * 4]
    weights = [*matrices, None, None, None, *[np.zeros(H)] * 4, np.zeros((P, H)), np.ones(P)]
    content, y = model(
        "Unidirectional",
        [(T, B, 1), *weights, (B, P), (B, H), None, None, None, None],
        (T, B, P),
        timeMajor=True,
    )
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones((T, B, 1), np.float32))
    interpreter.invoke()
    print(f"y: got {np.unique(interpreter.get_tensor(y))}, right [1.]", flush=True)


if sys.argv[1:] == ["here"]:
    project()
else:
    done = subprocess.run([sys.executable, __file__, "here"], capture_output=True, text=True, check=False)
    print(f"{done.stdout.strip()}\nended with {done.returncode}; {done.stderr.strip().splitlines()[-1:]}")
    raise SystemExit(0 if done.returncode < 0 else "does not deviate")
