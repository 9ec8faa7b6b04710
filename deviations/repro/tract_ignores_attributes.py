"""tract's LSTM computes the same with and without direction=reverse, activations, clip and input_forget."""

import numpy as np
from onnx_lstm import lstm, numbers
from plain_lstm import sigmoid, states
from tract_run import answer

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
plain = states(tensors)[-1][0]
ASKED = [
    ({"direction": "reverse"}, {"reverse": True}),
    ({"activations": ["Sigmoid", "Sigmoid", "Tanh"]}, {"activations": (sigmoid, sigmoid, np.tanh)}),
    ({"clip": 0.1}, {"clip": 0.1}),
    ({"input_forget": 1}, {"coupled": True}),
]
deviates = []
for attributes, options in ASKED:
    got, right = answer(*lstm(tensors, **attributes))[1][0], states(tensors, **options)[-1][0]
    print(f"{attributes}: got {got.ravel()}, right {right.ravel()}, without it {plain.ravel()}")
    deviates.append(np.allclose(got, plain, atol=1e-5) and not np.allclose(got, right, atol=1e-2))
raise SystemExit(0 if all(deviates) else "does not deviate")
