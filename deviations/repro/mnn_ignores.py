"""MNN's LSTM computes the same with and without direction=reverse, clip, input_forget and the input sequence_lens."""

import numpy as np
from mnn_run import answer
from onnx_lstm import lstm, numbers
from plain_lstm import states

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
steps = states(tensors)
ASKED = [
    ("direction=reverse", lstm(tensors, direction="reverse"), states(tensors, reverse=True)[-1]),
    ("clip", lstm(tensors, clip=0.1), states(tensors, clip=0.1)[-1]),
    ("input_forget", lstm(tensors, input_forget=1), states(tensors, coupled=True)[-1]),
    ("sequence_lens", lstm(tensors | {"lens": np.array([1], np.int32)}), steps[0]),
]
deviates = []
for name, asked, (right, _) in ASKED:
    got = answer(*asked)[1][0]
    print(f"{name}: got {got.ravel()}, right {right.ravel()}, without it {steps[-1][0].ravel()}")
    deviates.append(np.allclose(got, steps[-1][0], atol=1e-6) and not np.allclose(got, right, atol=1e-2))
raise SystemExit(0 if all(deviates) else "does not deviate")
