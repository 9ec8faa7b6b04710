"""The oracle's input and output: converts a case's arrays to exact balls, and the resulting balls to float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from flint import arb

from conformance.case.dtypes import DTypeName, numpy_dtype
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.lstm.oracle.rounding import Undecided, nearest

Vector = list[arb]
Balls = dict[str, Array]
"""Output tensors by name, in their final shapes, with balls as elements (dtype object)."""

_FORMATS: tuple[DTypeName, ...] = ("float16", "bfloat16", "float32", "float64")


def refuse_mismatch(case: Case, arrays: Arrays) -> None:
    """Raise GenerationError, before any computation, for what the oracle cannot compute."""
    given = None if arrays.inputs.lengths is None else tuple(arrays.inputs.lengths.tolist())
    if given != case.lengths:
        raise GenerationError(f"{case.id}: the case has lengths {case.lengths}, but its arrays have {given}")
    if len(arrays.weights.rows) != case.layers * case.D:
        rows = len(arrays.weights.rows)
        raise GenerationError(f"{case.id}: has weights for {rows} rows, needs {case.layers * case.D}")


def steps_of_rows(case: Case, x: Array) -> list[list[Vector]]:
    """The steps of x as `[batch row][valid step]`; the steps that a row leaves out are not read."""
    if x.shape != case.input_shapes["x"]:
        raise GenerationError(f"{case.id}: x is {x.shape}, not {case.input_shapes['x']}")
    valid = [case.valid_steps(b) for b in range(case.B)]
    rows = [exact(case, "x", x[steps, b], (len(steps), case.I)) for b, steps in enumerate(valid)]
    return [[list(step) for step in row] for row in rows]


def initial_state(case: Case, name: str, given: Array | None) -> Array:
    """The states before the first step, h0 (L*D, B, P) or c0 (L*D, B, H); scans turn them into the final states."""
    if (given is None) != (name not in case.input_shapes):
        raise GenerationError(f"{case.id}: {name} is in the case or in its arrays, but not in both")
    if given is None:
        return filled(case.outputs[f"{name[0]}_n"], arb(0))
    return exact(case, name, given, case.input_shapes[name])


def exact(case: Case, name: str, array: Array | None, shape: tuple[int, ...]) -> Array:
    """The array's numbers as exact balls; GenerationError if it is not a finite array of that shape."""
    if array is None or array.shape != shape:
        raise GenerationError(f"{case.id}: {name} is {None if array is None else array.shape}, not {shape}")
    if array.dtype not in [numpy_dtype(known) for known in _FORMATS]:
        raise GenerationError(f"{case.id}: {name} has dtype {array.dtype}, not one of {', '.join(_FORMATS)}")
    numbers = array.astype(np.float64)  # exact: float64 holds every number of the four formats
    if case.poison is None and not np.isfinite(numbers).all():
        raise GenerationError(f"{case.id}: {name} holds NaN or infinity, and the case has no poison")
    balls = np.empty(numbers.size, dtype=object)
    balls[:] = [arb(number) for number in numbers.ravel().tolist()]
    return balls.reshape(shape)


def filled(shape: tuple[int, ...], ball: arb) -> Array:
    """An array filled with one ball."""
    balls = np.empty(shape, dtype=object)
    balls.fill(ball)
    return balls


def classes(case: Case, arrays: Arrays) -> list[tuple[tuple[int, ...], int]]:
    """The index of every logits vector that the cross-entropy counts (valid steps only), and its class."""
    shape, targets = case.targets_shape, arrays.inputs.targets
    if shape is None or targets is None or targets.shape != shape or targets.dtype != np.int64:
        raise GenerationError(f"{case.id}: targets are not int64 of shape {shape}")
    last = case.head is not None and case.head.after == "last_step"
    places = [(b,) if last else (t, b) for b in range(case.B) for t in ([case.T - 1] if last else case.valid_steps(b))]
    found: list[tuple[tuple[int, ...], int]] = [(place, int(targets[place])) for place in places]
    if case.head is None or any(not 0 <= k < case.head.O for _, k in found):
        raise GenerationError(f"{case.id}: targets are not all classes of the head")
    return found


def rounded(case: Case, name: str, balls: Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The float64 that each ball is proven to round to; raises `Undecided`, naming the element, if one has none."""
    numbers = np.zeros(balls.shape, dtype=np.float64)
    for place, ball in np.ndenumerate(balls):
        if case.poison is not None and (not_finite := _not_finite(ball)) is not None:
            numbers[place] = not_finite
            continue
        try:
            numbers[place] = nearest(ball)
        except Undecided as reason:
            raise Undecided(f"{name}{list(place)}: {reason}") from None
        if np.isinf(numbers[place]):
            raise GenerationError(f"{case.id}: {name}{list(place)} is beyond the largest float64")
    return numbers


def _not_finite(ball: arb) -> float | None:
    """NaN or infinity if that is what the ball is; None if it is a number, however imprecisely known."""
    middle = ball.mid()
    if middle.is_nan():
        return math.nan
    if middle.is_finite() or not ball.rad().is_finite():
        return None
    return math.inf if middle > 0 else -math.inf
