"""paddle.nn.LSTM lets a NaN in a row's padding into the row's final states, and with a projection too.

It selects the old or the new state by multiplying with 0 and 1, and 0 times NaN is NaN. The plain loop stops at the
row's length.
"""

import numpy as np
import paddle

T, I, H, LENGTH = 4, 2, 3, 2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def right(cell, x, projection):
    """h and c of one row after its last valid step."""
    w, r, b_w, b_r = (getattr(cell, n).numpy() for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h, c = np.zeros(r.shape[1]), np.zeros(H)
    for step in x[:LENGTH]:
        i, f, g, o = np.split(w @ step + b_w + r @ h + b_r, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        h = h if projection is None else h @ projection
    return h, c


paddle.set_device("cpu")
paddle.seed(0)
deviates = []
for size in (0, 2):
    layer = paddle.nn.LSTM(I, H, time_major=True, proj_size=size)
    layer.eval()
    x = np.random.default_rng(0).normal(size=(T, I)).astype(np.float32)
    cell = layer[0].cell
    h, c = right(cell, x, cell.weight_ho.numpy() if size else None)
    for padding in (0.0, np.nan):
        x[LENGTH:] = padding
        _, (h_n, c_n) = layer(paddle.to_tensor(x[:, None]), sequence_length=paddle.to_tensor([LENGTH], "int32"))
        found = h_n.numpy()[0, 0], c_n.numpy()[0, 0]
        print(f"proj_size {size}, padding {padding}: h_n {found[0]}, right {h.round(6)}")
        close = all(np.allclose(a, b, atol=1e-5) for a, b in zip(found, (h, c), strict=True))
        deviates.append(close == (padding == 0.0))
raise SystemExit(0 if all(deviates) else "does not deviate")
