"""Answers for the proof: as many bits as it takes to round every output of a case to one float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.lstm.oracle.arrays import Balls, refuse_unfit, rounded
from conformance.lstm.oracle.forward import evaluate
from conformance.lstm.oracle.gradients import gradients
from conformance.lstm.oracle.rounding import Undecided

Evaluation = Callable[[Case, Arrays, int], Balls]
"""Balls that hold the true values, from one pass with so many working bits; or `Undecided`."""


@dataclass(frozen=True)
class Proof:
    """Golden outputs (float64, shapes of `Case.outputs`), all correctly rounded; the bits it took."""

    outputs: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    bits: int


def prove(case: Case, arrays: Arrays, *, first_bits: int = 128, most_bits: int = 65536) -> Proof:
    """Every tensor of `case.outputs` for these weights and inputs, each number the float64 nearest to the true value.

    y (T, B, D*P) is 0 at the steps a row leaves out; h_n (L*D, B, P) and c_n (L*D, B, H) are the states after the last
    valid step that a row's scan meets; logits (T, B, O) or (B, O). Zeros are +0.0.

    Raises:
        GenerationError: for options that are not built, arrays that do not fit the case, values that are not finite or
            overflow, gradients of a number that stands on a kink, and where `most_bits` bits leave an element
            undecided (a true value halfway between two float64 that no finite computation gives exactly).
    """
    refuse_unfit(case, arrays)
    forward = _proven(case, arrays, evaluate, first_bits=first_bits, most_bits=most_bits)
    if case.gradients is None:
        return forward
    backward = _proven(case, arrays, gradients, first_bits=forward.bits, most_bits=most_bits)
    return Proof(forward.outputs | backward.outputs, backward.bits)


def _proven(case: Case, arrays: Arrays, evaluated: Evaluation, *, first_bits: int, most_bits: int) -> Proof:
    """What an evaluation gives, with as many bits as it takes to round it."""
    bits = first_bits
    while True:
        try:
            balls = evaluated(case, arrays, bits)
            return Proof({name: rounded(case, name, tensor) for name, tensor in balls.items()}, bits)
        except Undecided as reason:
            if 2 * bits > most_bits:
                raise GenerationError(f"{case.id}: not decided with {bits} bits: {reason}") from None
        bits *= 2
