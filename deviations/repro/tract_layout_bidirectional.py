"""tract's LSTM raises with layout=1, x (B, T, I), in a bidirectional layer; in one direction it is right."""

import numpy as np
import tract
from onnx_lstm import lstm, numbers
from plain_lstm import states
from tract_run import answer

tensors = numbers(0, x=(3, 1, 2), W=(1, 8, 2), R=(1, 8, 2), B=(1, 16), h0=(1, 1, 2), c0=(1, 1, 2))
turned = tensors | {"x": np.ascontiguousarray(tensors["x"].swapaxes(0, 1))}
one = np.allclose(answer(*lstm(turned, layout=1))[1][0], states(tensors)[-1][0], atol=1e-5)
two = {name: np.repeat(tensors[name], 2, axis=0) for name in "WRB"}
two |= {name: np.repeat(tensors[name], 2, axis=1) for name in ("h0", "c0")} | {"x": turned["x"]}
try:
    answer(*lstm(two, direction="bidirectional", layout=1))
except tract.TractError as error:
    print(f"forward right: {one}; bidirectional: {str(error)[:160]}")
    raise SystemExit(0 if one else "does not deviate") from None
raise SystemExit("does not deviate")
