"""Mistakes in precision: arithmetic or storage in a format narrower than the case's dtype, or in integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF, numpy_dtype
from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step

precision = Axis("precision")


def _narrower(name: str) -> Callable[[Case], bool]:
    """A predicate: whether this format has fewer digits than the case's dtype."""
    return lambda case: UNIT_ROUNDOFF[name] > UNIT_ROUNDOFF[case.dtype]


def rounded(v: Array, name: str) -> Array:
    """V rounded to a format, with v's dtype."""
    if name == "tf32":  # 11 significant bits and the exponent range of float32
        mantissa, exponent = np.frexp(v)
        result: Array = np.ldexp(np.rint(mantissa * 2048.0) / 2048.0, exponent)
        return result
    return v.astype(numpy_dtype(name)).astype(v.dtype)


class Rounding(Reference):
    """The reference, with methods that round to a format if it is narrower than the case's dtype."""

    def rounded(self, v: Array, name: str) -> Array:
        return rounded(v, name) if _narrower(name)(self.case) else v

    def rounded_state(self, state: State, name: str) -> State:
        return State(self.rounded(state.h, name), self.rounded(state.c, name))


def multiplying_in(name: str) -> type[Reference]:
    """The reference with the factors of every matrix product rounded to a format."""

    class MultiplyingIn(Rounding):
        def product(self, rows: Array, matrix: Array) -> Array:
            return super().product(self.rounded(rows, name), self.rounded(matrix, name))

    return MultiplyingIn


def computing_in(name: str) -> type[Reference]:
    """The reference with weights, states and the result of every larger operation rounded to a format."""

    class ComputingIn(Rounding):
        def row_weights(self, row: int, weights: Weights) -> LayerWeights:
            return super().row_weights(row, weights).mapped(lambda array: self.rounded(array, name))

        def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
            return self.rounded_state(super().initial_state(row, x, inputs), name)

        def product(self, rows: Array, matrix: Array) -> Array:
            return self.rounded(super().product(self.rounded(rows, name), self.rounded(matrix, name)), name)

        def activation(self, activation: Activation, z: Array) -> Array:
            return self.rounded(super().activation(activation, self.rounded(z, name)), name)

        def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
            return self.rounded(super().cell(i, f, g, old_c), name)

        def output(self, act: Activations, o: Array, hh: Array) -> Array:
            return self.rounded(super().output(act, o, hh), name)

    return ComputingIn


precision(
    "products-in-tf32",
    "multiplies matrices in TF32",
    applies=_narrower("tf32"),
    precision="tf32",
)(multiplying_in("tf32"))
precision(
    "products-in-bfloat16",
    "multiplies matrices in bfloat16",
    applies=_narrower("bfloat16"),
    precision="bfloat16",
)(multiplying_in("bfloat16"))
precision(
    "computed-in-bfloat16",
    "computes everything in bfloat16",
    applies=_narrower("bfloat16"),
    precision="bfloat16",
)(computing_in("bfloat16"))
precision(
    "computed-in-float16",
    "computes everything in float16",
    applies=_narrower("float16"),
    precision="float16",
)(computing_in("float16"))


@precision(
    "state-kept-in-float16",
    "computes in the case's dtype but keeps h and c in float16 from step to step",
    "https://github.com/uxlfoundation/oneDNN/issues/976",
    applies=_narrower("float16"),
    precision="float16",
)
class StateKeptInFloat16(Rounding):
    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        step = super().step(act, from_input, old, weights)
        return replace(step, new=self.rounded_state(step.new, "float16"))


@precision(
    "weights-in-float16",
    "computes in the case's dtype, but with weights rounded to float16",
    applies=_narrower("float16"),
)
class WeightsInFloat16(Rounding):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return super().row_weights(row, weights).mapped(lambda array: self.rounded(array, "float16"))


@precision(
    "float64-in-float32",
    "computes a float64 case in float32",
    "https://github.com/keras-team/keras/pull/21604",
    applies=lambda case: case.dtype == "float64",
    precision="float32",
)
class Float64InFloat32(Reference):
    @keeps("y", "finals")
    def run(self, arrays: Arrays) -> Outputs:
        if self.case.dtype != "float64":
            return super().run(arrays)

        def narrow(array: Array) -> Array:
            return array.astype(np.float32)

        outputs = super().run(Arrays(arrays.weights.mapped(narrow), arrays.inputs.mapped(narrow)))
        return {name: array.astype(arrays.inputs.x.dtype) for name, array in outputs.items()}


class _TowardZero(np.ndarray[Any, np.dtype[np.float64]]):
    """A float64 array in which the result of every operation is rounded toward zero; a dot product is one operation."""

    digits: int  # of the significand, in bits

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, _TowardZero):
            self.digits = other.digits

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(value) if isinstance(value, _TowardZero) else value for value in inputs]
        result = np.asarray(getattr(ufunc, method)(*plain, **kwargs))
        if result.dtype != np.float64:
            return result
        significand, exponent = np.frexp(result)
        return self.wrap(np.ldexp(np.trunc(np.ldexp(significand, self.digits)), exponent - self.digits))

    def wrap(self, array: Array) -> Array:
        """The array, rounding like this one."""
        wrapped = array.view(_TowardZero)
        wrapped.digits = self.digits
        return wrapped


@precision(
    "rounds-toward-zero",
    "rounds the result of every operation toward zero, not to the nearest number",
    applies=lambda case: case.dtype != "float64",
    systematic=True,
)
class RoundsTowardZero(Reference):
    @keeps("y", "finals")
    def run(self, arrays: Arrays) -> Outputs:
        if self.case.dtype == "float64":
            return super().run(arrays)
        start = np.empty(0).view(_TowardZero)
        start.digits = -int(np.log2(UNIT_ROUNDOFF[self.case.dtype]))
        outputs = super().run(arrays.in_dtype(np.float64).mapped(start.wrap))
        return {name: np.asarray(array).astype(arrays.inputs.x.dtype) for name, array in outputs.items()}


def quantising(half_range: float, levels: int | None, *, by_row: bool = False) -> type[Reference]:
    """The reference with W and R in 8 bits, and the other factor of each product in a number of levels.

    Args:
        half_range: the largest value that shares a scale is this many steps.
        levels: the range of a factor, with 0 in it, has this many steps; None leaves the factors as they are.
        by_row: whether each gate of each unit has a scale of its own, in W and in R, and not the whole matrix.
    """

    class Quantising(Reference):
        def row_weights(self, row: int, weights: Weights) -> LayerWeights:
            given = super().row_weights(row, weights)
            return replace(given, W=self.stepped(given.W), R=self.stepped(given.R))

        def stepped(self, matrix: Array) -> Array:
            step = np.max(np.abs(matrix), axis=-1 if by_row else None, keepdims=True, initial=0.0) / half_range
            step = np.where(step > 0.0, step, 1.0)  # only zeros share it
            result: Array = np.clip(np.rint(matrix / step), -128.0, 127.0) * step
            return result

        def product(self, rows: Array, matrix: Array) -> Array:
            if levels is None:
                return super().product(rows, matrix)
            step = (np.max(rows, initial=0.0) - np.min(rows, initial=0.0)) / levels
            return super().product(np.rint(rows / step) * step if step > 0.0 else rows, matrix)

    return Quantising


precision(
    "weights-in-int8",
    "computes in the case's dtype, but with W and R rounded to 8-bit integers, one scale for each matrix",
    approximate=True,
)(quantising(127.0, None))
precision(
    "weights-in-int8-by-row",
    "computes in the case's dtype, but with W and R rounded to 8-bit integers, one scale for each row of a matrix",
    approximate=True,
)(quantising(127.0, None, by_row=True))
precision(
    "quantised-dynamically",
    "multiplies 8-bit integers: W and R with one scale for each matrix, x and h with a scale found in every product",
    "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html",
    approximate=True,
)(quantising(127.0, 255))
precision(
    "quantised-dynamically-to-7-bits",
    "multiplies integers: W and R of 8 bits with one scale for each matrix, x and h of 7 bits with a scale found in "
    "every product",
    "https://docs.pytorch.org/docs/stable/generated/torch.ao.quantization.quantize_dynamic.html",
    approximate=True,
)(quantising(127.5, 127))


def saturating(*, by_row: bool = False) -> type[Reference]:
    """The reference with products of 8-bit integers, two neighbouring ones of which are added in 16 bits.

    x and h are shifted to integers from 0 to 255 first; what the shift adds is taken off the sum afterwards.

    Args:
        by_row: that of `quantising`.
    """

    class Saturating(quantising(127.0, 255, by_row=by_row)):  # type: ignore[misc]  # a class made by a function
        def head(self, y: Array, weights: Weights) -> Array:
            assert weights.W_y is not None and weights.b_y is not None
            return y @ weights.W_y.T + weights.b_y  # not in integers

        def product(self, rows: Array, matrix: Array) -> Array:
            least = np.min(rows, initial=0.0)
            reach = np.max(rows, initial=0.0) - least
            step = reach / 255.0 if reach > 0.0 else 1.0
            largest = np.max(np.abs(matrix), axis=-1 if by_row else None, keepdims=True, initial=0.0)
            step_of_weights = np.where(largest > 0.0, largest, 1.0) / 127.0
            shift = np.rint(-least / step)
            factors, weights = np.rint(rows / step) + shift, np.rint(matrix / step_of_weights)
            total = -shift * weights.sum(axis=-1)
            for k in range(0, rows.shape[-1], 2):  # one pair at a time: all at once would need too much memory
                pair = slice(k, k + 2)
                total = total + np.clip(factors[:, pair] @ weights[:, pair].T, -32768.0, 32767.0)
            result: Array = (total * (step * step_of_weights.T)).astype(rows.dtype)
            return result

    return Saturating


_SATURATE = (
    "https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8"
)
precision(
    "products-saturate-at-16-bits",
    "multiplies 8-bit integers, W and R with one scale for each matrix, and adds two neighbouring products in 16 bits, "
    "where a sum of large ones is cut off",
    _SATURATE,
    approximate=True,
)(saturating())
precision(
    "products-saturate-at-16-bits-by-row",
    "multiplies 8-bit integers, W and R with one scale for each row of a matrix, and adds two neighbouring products "
    "in 16 bits, where a sum of large ones is cut off",
    _SATURATE,
    approximate=True,
)(saturating(by_row=True))
