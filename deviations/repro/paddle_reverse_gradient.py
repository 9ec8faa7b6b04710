"""With lengths, paddle.nn.LSTM differentiates R of the reverse direction wrongly if there are initial states.

A row that ends early begins its reverse scan from h0 in the middle of the sequence. The gradient there is computed with
0 in place of h0: as if the state before the row's first step were y of the padding. The right numbers are differences
of the loss of a plain loop. Every other gradient is right, and so is this one for a row of full length.
"""

import numpy as np
import paddle

T, I, H = 4, 2, 3
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss(x, h, c, w, r, b, length):
    """The sum of h_n of one row, scanned in reverse from its last valid step."""
    for step in x[:length][::-1]:
        i, f, g, o = np.split(w @ step + r @ h + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h.sum()


paddle.set_device("cpu")
paddle.set_default_dtype("float64")
paddle.seed(0)
layer = paddle.nn.LSTM(I, H, direction="bidirect", time_major=True)
cell = layer[0].cell_bw
w, r, b_w, b_r = (getattr(cell, name).numpy() for name in NAMES)
rng = np.random.default_rng(0)
x, h0, c0 = rng.normal(size=(T, 1, I)), rng.normal(size=(2, 1, H)), rng.normal(size=(2, 1, H))
deviates = []
for start in (h0, np.zeros_like(h0)):
    for length in (T, 2):
        states = paddle.to_tensor(start), paddle.to_tensor(c0)
        inputs = paddle.to_tensor(x, stop_gradient=False)
        _, (h_n, _) = layer(inputs, states, paddle.to_tensor([length], "int32"))
        h_n[1].sum().backward()
        found = [weight.grad.numpy() for weight in (cell.weight_hh, cell.weight_ih)]
        layer.clear_gradients()
        off = []
        for which, got in enumerate(found):
            right, step = np.zeros_like(got), 1e-6
            for at in np.ndindex(got.shape):
                ends = []
                for sign in (1, -1):
                    matrices = [r.copy(), w.copy()]
                    matrices[which][at] += sign * step
                    ends.append(loss(x[:, 0], start[1, 0], c0[1, 0], matrices[1], matrices[0], b_w + b_r, length))
                right[at] = (ends[0] - ends[1]) / (2 * step)
            off.append(np.abs(got - right).max())
        begins = "zeros" if start is not h0 else "an h0"
        print(f"from {begins}, length {length} of {T}: gradient of R off by {off[0]:.2g}, of W by {off[1]:.2g}")
        deviates.append((off[0] > 1e-3) == (start is h0 and length < T) and off[1] < 1e-6)
raise SystemExit(0 if all(deviates) else "does not deviate")
