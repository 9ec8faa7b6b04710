"""tract's LSTM raises without the initial states if there is more than one row.

The zeros that it takes for them are float32 and have one row, whatever the input.
"""

import numpy as np
import tract
from onnx_lstm import lstm, numbers
from plain_lstm import states
from tract_run import answer

tensors = numbers(0, x=(3, 2, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16))
one = tensors | {"x": tensors["x"][:, :1]}
right = np.allclose(answer(*lstm(one))[1][0], states(one)[-1][0], atol=1e-5)
try:
    answer(*lstm(tensors))
except tract.TractError as error:
    print(f"one row right: {right}; two rows: {str(error)[:160]}")
    raise SystemExit(0 if right else "does not deviate") from None
raise SystemExit("does not deviate")
