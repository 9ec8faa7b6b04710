"""The activation functions in NumPy, by name (docs/equations.md, section 2). Elementwise; any float dtype.

elu and softplus use expm1 and log1p, so they stay accurate for small and very negative z, as in careful frameworks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.case.tensors import Array

Function = Callable[[Array, float, float], Array]
"""Maps z, alpha and beta to the activation of z, with z's shape and dtype; alpha and beta are ignored if unused."""


def _sigmoid(z: Array, alpha: float, beta: float) -> Array:
    # exp(-z) may overflow to infinity for very negative z; 1 / infinity is then the right answer, 0.
    result: Array = 1.0 / (1.0 + np.exp(-z))
    return result


def _hard_sigmoid(z: Array, alpha: float, beta: float) -> Array:
    return np.minimum(np.maximum(alpha * z + beta, 0.0), 1.0)


def _elu(z: Array, alpha: float, beta: float) -> Array:
    return np.where(z >= 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def _thresholded_relu(z: Array, alpha: float, beta: float) -> Array:
    # Compared with "<", so that NaN, which is not below the threshold, stays NaN.
    return np.where(z < alpha, np.zeros_like(z), z)


def _softplus(z: Array, alpha: float, beta: float) -> Array:
    # log(1 + e^z) without overflow: max(z, 0) + log(1 + e^-|z|).
    result: Array = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    return result


FUNCTIONS: dict[str, Function] = {
    "sigmoid": _sigmoid,
    "tanh": lambda z, alpha, beta: np.tanh(z),
    "relu": lambda z, alpha, beta: np.maximum(z, 0.0),
    "hard_sigmoid": _hard_sigmoid,
    "affine": lambda z, alpha, beta: alpha * z + beta,
    "leaky_relu": lambda z, alpha, beta: np.where(z >= 0, z, alpha * z),
    "thresholded_relu": _thresholded_relu,
    "scaled_tanh": lambda z, alpha, beta: alpha * np.tanh(beta * z),
    "elu": _elu,
    "softsign": lambda z, alpha, beta: z / (1.0 + np.abs(z)),
    "softplus": _softplus,
    "linear": lambda z, alpha, beta: z,
}
