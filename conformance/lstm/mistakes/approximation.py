"""Mistakes in how an activation is computed: overflow, lost digits, approximations too coarse for the dtype."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array
from conformance.lstm.mistakes.activations import uses
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference

approximation = Axis("approximation")


def computing(*names: str, by: Callable[[Array, float], Array]) -> type[Reference]:
    """The reference with these activations computed by `by(z, u)` in the dtype of the case, whose unit roundoff is u.

    For scaled_tanh and elu, `by` computes the tanh and the e^z - 1 in them.
    """

    class Computing(Reference):
        def activation(self, activation: Activation, z: Array) -> Array:
            if activation.name not in names:
                return super().activation(activation, z)
            alpha = 1.0 if activation.alpha is None else activation.alpha
            beta = 1.0 if activation.beta is None else activation.beta
            result = alpha * by((beta * z).astype(self.case.np_dtype), self.roundoff).astype(z.dtype)
            return np.where(z >= 0, z, result) if activation.name == "elu" else result

        @property
        def roundoff(self) -> float:
            return float(ml_dtypes.finfo(self.case.np_dtype).eps) / 2

    return Computing


def _sigmoid(z: Array) -> Array:
    result: Array = 1.0 / (1.0 + np.exp(-z))
    return result


def _coarse(v: Array, u: float) -> Array:
    """V with an absolute error as large as that of one rounding at 1, however small v is.

    Real rounding errors differ in size and sign for every v; this is the largest possible one.
    """
    result: Array = v + u / 2.0
    return result


def _wavering(v: Array) -> Array:
    """V with a relative error of up to 1e-5."""
    result: Array = v * (1.0 + 1e-5 * np.cos(20.0 * v))
    return result


def _from_table(function: Callable[[Array], Array]) -> Callable[[Array, float], Array]:
    """A function interpolated linearly on [-8, 8] between points 1/16 apart, and constant beyond."""
    points = np.linspace(-8.0, 8.0, 257)
    values = function(points)
    return lambda z, u: np.interp(z, points, values).astype(z.dtype)


def _fraction(z: Array) -> Array:
    """Tanh by the first terms of its continued fraction, a quotient of polynomials, limited to [-1, 1]."""
    s = z * z
    top = z * (135135.0 + s * (17325.0 + s * (378.0 + s)))
    result: Array = top / (135135.0 + s * (62370.0 + s * (3150.0 + s * 28.0)))
    return np.where(np.abs(z) > 4.97, np.sign(z), result)  # where the quotient reaches 1


approximation(
    "coarse-sigmoid",
    "computes a sigmoid that is accurate in absolute terms only, so that small values have no correct digit",
    "https://github.com/microsoft/onnxruntime/issues/22557",
    applies=uses("sigmoid"),
    approximate=True,
)(computing("sigmoid", by=lambda z, u: _coarse(_sigmoid(z), u)))
approximation(
    "coarse-tanh",
    "computes a tanh that is accurate in absolute terms only, so that small values lose their digits",
    "https://github.com/pytorch/pytorch/pull/21384",
    applies=uses("tanh", "scaled_tanh"),
    approximate=True,
)(computing("tanh", "scaled_tanh", by=lambda z, u: _coarse(np.tanh(z), u)))
approximation(
    "coarse-elu",
    "computes elu as e^z - 1, which loses the digits of small z",
    "https://github.com/tensorflow/tensorflow/issues/116943",
    applies=uses("elu"),
    approximate=True,
)(computing("elu", by=lambda z, u: _coarse(np.expm1(np.minimum(z, 0.0)), 2.0 * u)))
approximation(
    "coarse-softplus",
    "returns z itself for softplus above a threshold of 20",
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html",
    applies=uses("softplus"),
)(computing("softplus", by=lambda z, u: np.where(z > 20.0, z, np.log1p(np.exp(np.minimum(z, 20.0))))))
approximation(
    "softplus-overflows",
    "computes softplus as log(1 + e^z), which overflows for large z",
    "https://github.com/microsoft/onnxruntime/issues/10491",
    applies=uses("softplus"),
    approximate=True,
)(computing("softplus", by=lambda z, u: np.log(1.0 + np.exp(z))))
approximation(
    "sigmoid-overflows",
    "computes the sigmoid as e^z / (1 + e^z), which is NaN for large z",
    "https://github.com/clab/dynet/issues/1525",
    applies=uses("sigmoid"),
)(computing("sigmoid", by=lambda z, u: np.exp(z) / (1.0 + np.exp(z))))
approximation(
    "sigmoid-of-bounded-input",
    "bounds the input of the sigmoid from below at -10, so that the result stays away from 0",
    applies=uses("sigmoid"),
    approximate=True,
)(computing("sigmoid", by=lambda z, u: 1.0 / (1.0 + np.exp(-np.maximum(z, -10.0)))))
approximation(
    "sigmoid-good-to-five-digits",
    "computes the sigmoid with a relative error of 1e-5",
    "https://github.com/torch/torch7/pull/1027",
    applies=uses("sigmoid"),
    approximate=True,
)(computing("sigmoid", by=lambda z, u: _wavering(_sigmoid(z))))
approximation(
    "tanh-good-to-five-digits",
    "computes tanh with a relative error of 1e-5",
    "https://github.com/sdatkinson/NeuralAmpModelerCore/pull/43",
    applies=uses("tanh", "scaled_tanh"),
    approximate=True,
)(computing("tanh", "scaled_tanh", by=lambda z, u: _wavering(np.tanh(z))))
approximation(
    "sigmoid-from-table",
    "looks the sigmoid up in a table, with linear interpolation between its points",
    "https://github.com/tenstorrent/tt-metal/issues/53258",
    applies=uses("sigmoid"),
    approximate=True,
)(computing("sigmoid", by=_from_table(_sigmoid)))
approximation(
    "tanh-from-table",
    "looks tanh up in a table, with linear interpolation between its points",
    "https://github.com/tensorflow/tensorflow/pull/34589",
    applies=uses("tanh", "scaled_tanh"),
    approximate=True,
)(computing("tanh", "scaled_tanh", by=_from_table(np.tanh)))
approximation(
    "tanh-as-fraction",
    "computes tanh as a quotient of polynomials, good to three digits",
    "https://github.com/jatinchowdhury18/RTNeural/pull/149",
    applies=uses("tanh", "scaled_tanh"),
    approximate=True,
)(computing("tanh", "scaled_tanh", by=lambda z, u: _fraction(z)))
