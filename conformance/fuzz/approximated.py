"""Whether approximations that an adapter is known for explain a wrong answer, beyond their size.

An approximation with an absolute error makes small results zero, now and then. What follows from a zero is of another
kind than the error: zero times infinity is NaN, and a zero of another sign; and an error that is the same wherever the
argument is the same adds up to a mean error. A framework may also compute a half-precision case in float32, where its
approximation overflows elsewhere, and may lose the NaN that one leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.dtypes import BIAS_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Inputs, Weights
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference
from conformance.lstm.step import State
from conformance.verdict.answer import Answer
from conformance.verdict.noise import error, within_range
from conformance.verdict.reproduce import Trial
from conformance.verdict.signed_zeros import wrong_signs

_LARGER = 4.0
"""An error resembles that of an approximation if it is at most this many times larger."""
_ABSOLUTE = {"coarse-sigmoid": ("sigmoid",), "coarse-tanh": ("tanh", "scaled_tanh"), "coarse-elu": ("elu",)}
"""Approximation with an absolute error -> the activations that it computes."""
FINE = frozenset({*_ABSOLUTE, "softplus-overflows"})
"""Approximations that are wrong by no more than roundoffs of 1, or where a dtype ends."""
_COMPARING = frozenset({"relu", "thresholded_relu", "hard_sigmoid"})
_ZERO_BELOW = (0.25, 1.0)
"""Results that are less than this part of a roundoff may come out as zero."""

Variants = tuple[type[Reference], ...]


def explained(
    answer: Answer, approximations: Sequence[str], others: Sequence[str], exact: Sequence[Sequence[str]]
) -> bool:
    """Whether a wrong answer is what some mistakes lead to beyond their own digits, in one of the forms of these.

    Args:
        approximations: ids of mistakes that can be made in the case, whose digits differ between frameworks.
        others: ids of mistakes that have an effect on NaN and infinities alone, made as well or not.
        exact: sets of others, one of which may be made as well; each alone reproduces an answer, except for what is
            too large or too small for the dtype.
    """
    trial = Trial(answer)
    coarse, sets = _variants(approximations), [_variants(each) for each in exact]
    also = _variants(others) + tuple(kind for name, kind in _ALIKE.items() if name in others)
    first: list[Variants] = [()] if not approximations else _coarse(approximations)
    forms = (
        (*dtype, *before, *lost, *mistakes)
        for mistakes in (coarse, *(each + coarse for each in sets))
        for dtype in _dtypes(answer.case)
        for before in first
        for lost in dict.fromkeys([(), also])
    )
    return any(_is_like(trial, form) for form in forms if form)


def _variants(mistakes: Sequence[str]) -> Variants:
    return tuple(BY_ID[each].variant for each in mistakes)


def _coarse(approximations: Sequence[str]) -> list[Variants]:
    names = tuple(name for each in approximations for name in _ABSOLUTE.get(each, ()))
    return [(), *((_vanishing(names, part),) for part in _ZERO_BELOW)] if names else [()]


def _dtypes(case: Case) -> list[Variants]:
    return [()] if case.dtype not in ("float16", "bfloat16") else [(), (_InFloat32,)]


class _InFloat32(Reference):
    """The reference for a case in half precision, each layer of which is computed in float32."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.model_copy(update={"dtype": "float32"}))
        self._stored = case.np_dtype

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        y, finals = super().layer(layer, x, weights, inputs)
        return within_range(y, self._stored), finals


class _NanLost(Reference):
    """The reference, with 0 where an activation made of comparisons is that of NaN."""

    def activation(self, activation: Activation, z: Array) -> Array:
        found = super().activation(activation, z)
        return np.where(np.isnan(z), 0.0, found) if activation.name in _COMPARING else found


class _Bounded(Reference):
    """The reference, with the largest number where a gate's input is infinite."""

    def clipped_gate(self, gate: int, z: Array) -> Array:
        largest = float(np.finfo(np.float32).max)
        return super().clipped_gate(gate, np.clip(z, -largest, largest))


_ALIKE = {"nan-lost-in-relu": _NanLost, "nan-lost-in-gate-input": _Bounded}
"""Mistake -> what is made with it where it cannot be made itself: in other activations, and without biases."""


def _vanishing(names: Sequence[str], part: float) -> type[Reference]:
    """The reference with results of some activations that are small beside 1 as zeros."""

    class Vanishing(Reference):
        def activation(self, activation: Activation, z: Array) -> Array:
            # What is exact decides what vanishes: the approximation's own error has moved it.
            right = Reference.activation(self, activation, z)
            found = super().activation(activation, z)
            if activation.name not in names:
                return found
            least = part * UNIT_ROUNDOFF[self.case.dtype]
            return np.where(np.abs(right) < least, np.copysign(0.0, right), found)

    return Vanishing


def _is_like(trial: Trial, variants: Variants) -> bool:
    """Whether each element is nearly as near to the right one as with these mistakes, or not finite as with them."""
    found = trial.computed(*variants, budget=None)
    if found is None:
        return False
    finite = np.isfinite(found)
    apart = np.where(finite, error(found, trial.golden), 0.0)
    own = trial.spread(np.where(np.isfinite(apart), apart, 0.0)) if any(map(_is_coarse, variants)) else 0.0
    least = trial.allowed + float(ml_dtypes.finfo(trial.case.np_dtype).smallest_subnormal)
    small = error(trial.got, trial.golden) <= _LARGER * own + least
    same = (error(trial.got, found) <= np.where(finite, _LARGER * own + least, 0.0)) | (~finite & _beyond(trial))
    return bool(np.all(small | same))


def _beyond(trial: Trial) -> Array:
    """Where an answer is beyond its dtype: which of NaN, infinity and the largest number it is depends on the order."""
    large: Array = ~(np.abs(trial.got) < float(ml_dtypes.finfo(trial.case.np_dtype).max) / 4.0)
    return large


def _is_coarse(variant: type[Reference]) -> bool:
    return any(each.variant is variant and each.approximate for each in BY_ID.values())


def explained_within(answer: Answer, approximations: Sequence[str]) -> bool:
    """Whether approximations lead to the mean errors and signs of zeros of an answer that is within the tolerance."""
    judged, case = answer.under_contracts(), answer.case
    got = {name: judged.float64(name) for name in case.outputs}
    coarse = _outputs(answer, _variants(approximations))
    if coarse is None or not all(_mean_is_like(judged, name, got[name], coarse[name]) for name in case.outputs):
        return False
    for variants in _coarse(approximations)[1:]:
        zeros = _outputs(answer, variants) or coarse
        for name, values in got.items():
            as_found = (values == 0.0) & (zeros[name] == 0.0) & (np.signbit(values) == np.signbit(zeros[name]))
            got[name] = np.where(as_found, np.copysign(0.0, judged.golden[name]), values)
    return not wrong_signs(case, answer.arrays, got, judged.golden, answer.precision)


def _outputs(answer: Answer, variants: Variants) -> dict[str, Array] | None:
    trial = Trial(answer)
    found = trial.computed(*variants, budget=None)
    return None if found is None else {name: trial.tensor(found, name) for name in trial.shapes}


def _mean_is_like(judged: Answer, name: str, got: Array, coarse: Array) -> bool:
    golden = judged.golden[name]
    counted = np.isfinite(golden) & np.isfinite(coarse)
    apart, own = got[counted] - golden[counted], np.abs(coarse[counted] - golden[counted])
    by_rounding = BIAS_ALLOWED[judged.precision] * UNIT_ROUNDOFF[judged.precision] * judged.kappa[name][counted]
    return bool(abs(np.sum(apart)) <= _LARGER * np.sum(own) + np.sum(by_rounding))


def spelled_out(answer: Answer) -> Iterator[Answer]:
    """The answer to the case with some of its default parameters written out, which changes nothing of what is right.

    A framework that has one default wrong need not have the others wrong.
    """
    case = answer.case
    left_out = {each.name for given in case.activations for each in _three(given) if each.defaults}
    for kept in sorted(left_out):
        if len(left_out) > 1:
            sets = tuple(
                given.model_copy(update={
                    part: each.model_copy(update={"defaults": None})
                    for part, each in zip(("gate", "cell", "hidden"), _three(given), strict=True)
                    if each.defaults and each.name != kept
                })
                for given in case.activations
            )  # fmt: skip
            yield replace(answer, case=case.model_copy(update={"activations": sets}))


def _three(given: Any) -> tuple[Activation, Activation, Activation]:
    return given.gate, given.cell, given.hidden
