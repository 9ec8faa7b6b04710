"""A plain loop for the tensors of onnx_lstm, one direction: the states after each step, in the order they are made."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def states(tensors, reverse=False, coupled=False, clip=np.inf, activations=(sigmoid, np.tanh, np.tanh)):
    """A pair h, c (B, H) after each step of the scan. Peepholes P are i, o, f; coupled: f = 1 - i."""
    s, g, hh = activations
    W, R = (tensors[name][0].astype(np.float64) for name in "WR")
    H = R.shape[1]
    bias = tensors["B"][0].astype(np.float64).reshape(2, -1).sum(0) if "B" in tensors else 0
    p_i, p_o, p_f = np.split(tensors["P"][0].astype(np.float64), 3) if "P" in tensors else (0, 0, 0)
    zeros = np.zeros((tensors["x"].shape[1], H))
    h, c = (tensors[name][0].astype(np.float64) if name in tensors else zeros for name in ("h0", "c0"))
    found = []
    for x in tensors["x"][::-1] if reverse else tensors["x"]:
        z_i, z_o, z_f, z_c = np.split(x @ W.T + h @ R.T + bias, 4, axis=1)
        i = s(np.clip(z_i + p_i * c, -clip, clip))
        f = 1 - i if coupled else s(np.clip(z_f + p_f * c, -clip, clip))
        c = f * c + i * g(np.clip(z_c, -clip, clip))
        h = s(np.clip(z_o + p_o * c, -clip, clip)) * hh(c)
        found.append((h, c))
    return found
