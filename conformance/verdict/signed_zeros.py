"""The signs of zeros, where IEEE 754 fixes them (docs/equations.md, section 10).

A zero in an answer is the result of products and of sums. The sign of a product is that of its factors; the sign of a
sum of two terms follows from theirs. But a sum of many terms that is zero may have either sign, because it depends on
the number that the summation begins with. So the sign of a zero is fixed where it is the same for either sign of such
sums, and where rounding cannot turn the number that gives it its sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.reference import Reference

_TENSORS = ("y", "h_n", "c_n")
_SAMPLES = 8
_MOVED = 4.0
"""How far weights, inputs and activations are moved to see whether rounding can turn a sign, in unit roundoffs."""
_AT_ZERO = frozenset({"relu", "thresholded_relu", "hard_sigmoid"})
"""Activations made of comparisons with zero, which do not fix the sign of what is itself zero."""


def wrong_signs(
    case: Case, arrays: Arrays, outputs: Mapping[str, Array], golden: Mapping[str, Array], precision: str
) -> dict[str, str]:
    """What is wrong with the signs of the zeros of an answer, by tensor; {} if nothing is.

    Args:
        outputs, golden: y, h_n and c_n of the shapes of the case; other tensors are ignored.
        precision: the format that the answer is judged in.
    """
    counts = {name: _judged(case, name, outputs[name], golden[name]) for name in _TENSORS}
    if not any(zeros.any() for zeros in counts.values()):
        return {}
    exact = arrays.in_dtype(np.float64)
    expected = _run(Reference, case, exact)
    doubtful = {n: zeros & _differs(outputs[n], expected[n]) for n, zeros in counts.items()}
    if not any(sure.any() for sure in doubtful.values()):
        return {}  # the usual case; whether a sign is fixed costs more to find out
    for run in _others(case, exact, precision):
        for name, sure in doubtful.items():
            doubtful[name] = sure & (run[name] == 0.0) & (np.signbit(run[name]) == np.signbit(expected[name]))
    return {name: _problem(sure, counts[name], expected[name]) for name, sure in doubtful.items() if sure.any()}


def _judged(case: Case, name: str, got: Array, golden: Array) -> Array:
    """Which zeros count: those that are right and were computed, not put in place of a step or a state."""
    zeros: Array = (golden == 0.0) & (got == 0)
    if case.masked and zeros.any():
        last = set(range(case.T)[case.block_steps[-1]])
        for row in range(case.B):
            steps = set(case.valid_steps(row))
            if name == "y":
                zeros[sorted(set(range(case.T)) - steps), row] = False
            elif not last & steps:
                zeros[:, row] = False
    return zeros


def _differs(got: Array, expected: Array) -> Array:
    result: Array = (expected == 0.0) & (np.signbit(got.astype(np.float64)) != np.signbit(expected))
    return result


def _others(case: Case, exact: Arrays, precision: str) -> Iterator[Outputs]:
    """The answer with either sign of zero sums, for weights and inputs moved by a few roundings.

    And as float32 has it: what is tiny in float64 is zero there, and the sign of a sum of zeros is no longer its own.
    """
    generator = np.random.default_rng(0)
    if precision != "float64":
        for kind in (_PositiveSums, _NegativeSums):
            unmoved = type("Unmoved", (kind,), {"moved": staticmethod(lambda array: array)})
            yield _run(unmoved, case, exact.in_dtype(np.float32))
    for sample in range(_SAMPLES):

        def moved(array: Array) -> Array:
            return array * (1.0 + _MOVED * UNIT_ROUNDOFF[precision] * generator.uniform(-1.0, 1.0, array.shape))

        # What an activation gives is rounded, too: f c + i g is 0 where both terms have become 1, which no input tells.
        variant = type("Moved", ((_PositiveSums, _NegativeSums)[sample % 2],), {"moved": staticmethod(moved)})
        yield _run(variant, case, exact.mapped(moved))


def _run(variant: type[Reference], case: Case, arrays: Arrays) -> Outputs:
    with np.errstate(all="ignore"):
        return variant(case.model_copy(update={"head": None, "gradients": None})).run(arrays)


class _PositiveSums(Reference):
    """The reference, with +0 for every sum of many terms that is zero, and the results of activations moved."""

    zero = 0.0
    moved: Callable[[Array], Array]

    def product(self, rows: Array, matrix: Array) -> Array:
        found = super().product(rows, matrix)
        return np.where(found == 0.0, self.zero, found)

    def activation(self, activation: Activation, z: Array) -> Array:
        found = self.moved(super().activation(activation, z))
        if activation.name not in _AT_ZERO:
            return found
        beta = activation.beta or 0.0
        at_corner = (activation.alpha or 1.0) * z + beta == 0.0 if activation.name == "hard_sigmoid" else z == 0.0
        return np.where(at_corner & (found == 0.0), self.zero, found)


class _NegativeSums(_PositiveSums):
    """The same with -0."""

    zero = -0.0


def _problem(wrong: Array, zeros: Array, expected: Array) -> str:
    index = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    right, got = ("-0", "0") if np.signbit(expected[index]) else ("0", "-0")
    at = ", ".join(str(int(i)) for i in index)
    return (
        f"{int(wrong.sum())} of {int(zeros.sum())} zeros have the wrong sign; first at ({at}): got {got}, not {right}"
    )
