"""IREE compiles LSTM as if it had no peepholes, input P, and no sequence_lens."""

import numpy as np
from iree_run import answer
from onnx_lstm import lstm, numbers
from plain_lstm import states

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
steps = states(tensors)
peepholes = numbers(1, P=(1, 6))
deviates = []
for name, changed, right in (
    ("P", peepholes, states(tensors | peepholes)[-1][0]),
    ("sequence_lens", {"lens": np.array([1], np.int32)}, steps[0][0]),
):
    got = answer(*lstm(tensors | changed))[1][0]
    print(f"{name}: got {got.ravel()}, right {right.ravel()}, without it {steps[-1][0].ravel()}")
    deviates.append(np.allclose(got, steps[-1][0], atol=1e-6) and not np.allclose(got, right, atol=1e-2))
raise SystemExit(0 if all(deviates) else "does not deviate")
