"""MindSpore's nn.LSTM takes subnormal numbers for zeros on the CPU: y is 0 where it should be about 1e-40."""

import mindspore as ms
import numpy as np

T, B, I, H = 4, 2, 5, 7


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def right(x, w, r):
    """y (T, B, H) of a plain loop in float64, from states of zeros."""
    h, c, y = np.zeros((B, H)), np.zeros((B, H)), []
    for step in x.astype(np.float64):
        i, f, g, o = np.split(step @ w.T + h @ r.T, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        y.append(h)
    return np.array(y)


ms.set_device("CPU")
rng = np.random.default_rng(0)
layer = ms.nn.LSTM(I, H, has_bias=False)
weights = [parameter.asnumpy().astype(np.float64) for parameter in layer.get_parameters()]
x = rng.normal(size=(T, B, I))
deviates = []
for scale in (1e-30, 1e-39):
    given = (x * scale).astype(np.float32)
    y = layer(ms.Tensor(given))[0].asnumpy()
    wanted = right(given, *weights)
    print(f"x about {scale:g}: y up to {np.abs(y).max():.3g}, right {np.abs(wanted).max():.3g}")
    deviates.append(bool(np.allclose(y, wanted, atol=1e-5 * np.abs(wanted).max())) == (scale > 1e-38))
raise SystemExit(0 if all(deviates) else "does not deviate")
