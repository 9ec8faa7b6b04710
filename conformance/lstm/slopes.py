"""The derivatives of the activation functions in NumPy, by name (docs/equations.md, section 2). Elementwise.

Where the derivative can be computed from the value, like s (1 - s) for the sigmoid, it is, as in frameworks. At a kink
the derivative is that of the side on which it is smaller; no vector has a value at a kink.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array

Slope = Callable[[Array, Array, float, float], Array]


def slope(activation: Activation, z: Array, value: Array) -> Array:
    """The derivative at z of an activation whose value there is `value`, with z's shape and dtype."""
    return SLOPES[activation.name](z, value, activation.alpha or 0.0, activation.beta or 0.0)


def _hard_sigmoid(z: Array, value: Array, alpha: float, beta: float) -> Array:
    return _choice((value > 0.0) & (value < 1.0), alpha, 0.0, z)


def _scaled_tanh(z: Array, value: Array, alpha: float, beta: float) -> Array:
    tanh = np.tanh(beta * z)
    result: Array = alpha * beta * (1.0 - tanh * tanh)
    return result


def _elu(z: Array, value: Array, alpha: float, beta: float) -> Array:
    return np.where(z >= 0, z.dtype.type(1.0), alpha * np.exp(np.minimum(z, 0.0)))


def _softsign(z: Array, value: Array, alpha: float, beta: float) -> Array:
    below = 1.0 + np.abs(z)
    result: Array = 1.0 / (below * below)
    return result


def _softplus(z: Array, value: Array, alpha: float, beta: float) -> Array:
    result: Array = 1.0 / (1.0 + np.exp(-z))
    return result


def _choice(chosen: Array, yes: float, no: float, z: Array) -> Array:
    """`yes` where chosen, `no` elsewhere, in the dtype of z."""
    result: Array = np.where(chosen, z.dtype.type(yes), z.dtype.type(no))
    return result


SLOPES: dict[str, Slope] = {
    "sigmoid": lambda z, value, alpha, beta: value * (1.0 - value),
    "tanh": lambda z, value, alpha, beta: 1.0 - value * value,
    "relu": lambda z, value, alpha, beta: _choice(z > 0, 1.0, 0.0, z),
    "hard_sigmoid": _hard_sigmoid,
    "affine": lambda z, value, alpha, beta: np.zeros_like(z) + alpha,
    "leaky_relu": lambda z, value, alpha, beta: _choice(z >= 0, 1.0, alpha, z),
    "thresholded_relu": lambda z, value, alpha, beta: _choice(z >= alpha, 1.0, 0.0, z),
    "scaled_tanh": _scaled_tanh,
    "elu": _elu,
    "softsign": _softsign,
    "softplus": _softplus,
    "linear": lambda z, value, alpha, beta: np.zeros_like(z) + 1.0,
}
