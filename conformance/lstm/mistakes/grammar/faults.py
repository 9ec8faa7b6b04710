"""The second word of a sampled mistake: what happens to the value of an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from conformance.case.dtypes import numpy_dtype
from conformance.case.tensors import Array

SATURATED_AT = 8.0
"""The bound of a saturated value: that of a signed fixed-point number with three bits before the point."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a fault can make a wrong value of.

    right: the value. without: what it would be if the operation were left out. twice: what it would be if the operation
    were applied twice. before: its value one step earlier in the order of processing; at the first step, the value
    itself. dtype: the case's.
    """

    right: Array
    without: Array
    twice: Callable[[], Array]
    before: Callable[[], Array]
    dtype: str


@dataclass(frozen=True)
class Fault:
    """A word for what is done wrong, a phrase for it ({}: the operation), which continues "it", and the wrong value."""

    word: str
    phrase: str
    value: Callable[[Operation], Array]


def exchanged(value: Array) -> Array:
    """The elements 0 and 1, 2 and 3, and so on of the last axis in each other's place."""
    if value.ndim == 0:
        return value
    size = value.shape[-1]
    places = np.arange(size) ^ 1
    return np.asarray(value[..., np.where(places < size, places, np.arange(size))])


def _narrowed(dtype: type[np.generic]) -> Callable[[Operation], Array]:
    def value(operation: Operation) -> Array:
        return np.asarray(operation.right.astype(dtype).astype(operation.right.dtype))

    return value


def _flushed(operation: Operation) -> Array:
    least = float(ml_dtypes.finfo(numpy_dtype(operation.dtype)).smallest_normal)
    return np.where(np.abs(operation.right) < least, np.zeros_like(operation.right), operation.right)


FAULTS: dict[str, Fault] = {
    fault.word: fault
    for fault in (
        Fault("dropped", "leaves out {}", lambda operation: operation.without),
        Fault("doubled", "applies {} twice", lambda operation: operation.twice()),
        Fault("exchanged", "exchanges neighbouring elements of {}", lambda operation: exchanged(operation.right)),
        Fault("stale", "uses {} of the step before", lambda operation: operation.before()),
        Fault("in-bfloat16", "rounds {} to bfloat16", _narrowed(ml_dtypes.bfloat16)),
        Fault("in-float16", "rounds {} to float16", _narrowed(np.float16)),
        Fault("flushed", "flushes the subnormal numbers of {} to zero", _flushed),
        Fault(
            "saturated",
            f"bounds {{}} by {SATURATED_AT:g}",
            lambda operation: np.clip(operation.right, -SATURATED_AT, SATURATED_AT),
        ),
        Fault("negated", "changes the sign of {}", lambda operation: -operation.right),
    )
}
"""Every fault, by its word."""

OF_TERMS = tuple(FAULTS)
"""Of a term of a sum, and of a state: left out, it is zero; applied twice, it is doubled."""
OF_FUNCTIONS = tuple(word for word in FAULTS if word != "saturated")
"""Of a function: left out, its argument is passed on."""
OF_CLIPS = ("dropped", "exchanged", "stale", "in-bfloat16", "negated")
"""Of a clip, or another function that changes nothing when it is applied again."""
OF_MASKS = ("dropped",)
"""Of what says which steps count: left out, all do."""
