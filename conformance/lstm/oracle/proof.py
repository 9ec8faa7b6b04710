"""The proof: evaluates a case with more and more bits until every output rounds to one float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.lstm.oracle.arrays import Balls, refuse_mismatch, rounded
from conformance.lstm.oracle.forward import evaluate
from conformance.lstm.oracle.gradients import gradients
from conformance.lstm.oracle.rounding import Undecided

Evaluation = Callable[[Case, Arrays, int], Balls]
"""Balls that contain the true values, from one pass with the given number of working bits; may raise `Undecided`."""


@dataclass(frozen=True)
class Proof:
    """Golden outputs (float64, shapes of `Case.outputs`), all correctly rounded, and the number of bits needed."""

    outputs: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    bits: int


def prove(case: Case, arrays: Arrays, *, first_bits: int = 128, most_bits: int = 65536) -> Proof:
    """Every tensor of `case.outputs` for these weights and inputs, each number the float64 nearest to the true value.

    y (T, B, D*P) is 0 at the steps a row leaves out; h_n (L*D, B, P) and c_n (L*D, B, H) are the states after the last
    valid step of a row's scan; logits (T, B, O) or (B, O). Zeros are +0.0.

    Raises:
        GenerationError: the arrays do not fit the case; a value is not finite or overflows; a number whose gradient is
            needed is exactly at a kink; or an element is still undecided with `most_bits` bits (its true value may be
            exactly halfway between two float64, which no finite precision can show).
    """
    refuse_mismatch(case, arrays)
    forward = _proven(case, arrays, evaluate, first_bits=first_bits, most_bits=most_bits)
    if case.gradients is None:
        return forward
    backward = _proven(case, arrays, gradients, first_bits=forward.bits, most_bits=most_bits)
    return Proof(forward.outputs | backward.outputs, backward.bits)


def _proven(case: Case, arrays: Arrays, evaluated: Evaluation, *, first_bits: int, most_bits: int) -> Proof:
    """The rounded result of an evaluation, with as many bits as that takes."""
    bits = first_bits
    while True:
        try:
            balls = evaluated(case, arrays, bits)
            return Proof({name: rounded(case, name, tensor) for name, tensor in balls.items()}, bits)
        except Undecided as reason:
            if 2 * bits > most_bits:
                raise GenerationError(f"{case.id}: still undecided with {bits} bits: {reason}") from None
        bits *= 2
