"""Judges the answers of a bundle: a quick test for all questions at once, the exact one for those that fail it.

noise = |got - golden| / (u max(kappa, M)). The quick test leaves kappa out and takes a float64 reference for golden: it
costs no sampling, and what is within the tolerance of u M alone is within that of max(kappa, M). So a wrong answer
never passes it by more than the reference's own rounding, which is a few parts in 2^29 of a float32's; answers in
float64 are held against a reference in extended precision, where the processor has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.fuzz.questions import Bundle, Question, single, together
from conformance.golden.build import demand_judgeable
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.integers import kappa_in
from conformance.lstm.kappa import kappa
from conformance.verdict.answer import Answer
from conformance.verdict.compare import has_the_form, judge
from conformance.verdict.contracts import Contracts
from conformance.verdict.integers import not_judged
from conformance.verdict.noise import error

_SURELY = 0.999
_LEAST, _MIDDLE, _MOST = 1 / 3, 1.6, 12.0
"""kappa is between the first and the last of these multiples of what float32 shows of it (conformance.fuzz.rough), and
mostly near the second."""
_SAMPLES = 12
"""The samples that decide where that does not; what they call wrong is judged by a vector's once it is reduced."""
_EXTENDED = np.longdouble if np.finfo(np.longdouble).nmant > 60 else np.float64


class Unclear(Enum):
    """What is said where kappa has to be known better."""

    UNCLEAR = "unclear"


UNCLEAR = Unclear.UNCLEAR


@dataclass(frozen=True)
class Judged:
    """The exact judgement of an answer. answer: what a diagnosis takes; None where the answer has not the form."""

    outcome: Passed | Failed
    answer: Answer | None


def reference(case: Case, arrays: Arrays) -> Outputs:
    """The right answer, float64, for a case of any dtype; not proven."""
    working = _EXTENDED if case.dtype == "float64" else np.float64
    with np.errstate(all="ignore"):
        found = reference_of(case).run(arrays.in_dtype(working))
        return {name: np.asarray(array, np.float64) for name, array in found.items()}


def doubtful(bundle: Bundle, outputs: Mapping[str, Any], golden: Outputs, precision: str, contracts: Contracts
             ) -> list[int]:  # fmt: skip
    """The questions of a bundle, by index, whose answer the quick test does not let pass.

    Args:
        golden: of the bundle's case, under the default contracts.
    """
    case, count = bundle.case, len(bundle.questions)
    if not has_the_form(case, outputs):
        return list(range(count))
    golden = contracts.applied(case, golden)
    wrong = np.zeros(count, np.bool_)
    allowed = _SURELY * NOISE_ALLOWED[precision]
    least = float(ml_dtypes.finfo(case.np_dtype).smallest_subnormal) / 2  # less cannot be judged (golden.build)
    for name, want in golden.items():
        got = contracts.settled(case, name, outputs[name], want)
        apart = _worst(bundle, error(got.astype(np.float64), want))
        finite = np.where(np.isfinite(want), np.abs(want), 0.0)
        unit = np.maximum(UNIT_ROUNDOFF[precision] * _worst(bundle, finite), least)
        wrong |= ~(apart <= allowed * unit)
    return np.flatnonzero(wrong).tolist()


def _worst(bundle: Bundle, values: Array) -> Array:
    """The largest value of a tensor for each question (questions,)."""
    if len(bundle.questions) == 1:
        return np.array([np.max(values, initial=0.0)])
    by_row = np.max(np.moveaxis(values, -2, 0).reshape(values.shape[-2], -1), axis=1, initial=0.0)
    worst: Array = np.maximum.reduceat(by_row, bundle.rows[:-1])
    return worst


def surely(
    question: Question,
    outputs: Mapping[str, Any],
    golden: Outputs,
    precision: str,
    contracts: Contracts,
    rough: Outputs | None,
) -> Judged | Unclear | None:
    """The judgement as far as it is the same for any kappa that is possible; `UNCLEAR` if it is not.

    Args:
        rough: kappa as float32 shows it (conformance.fuzz.rough); None where it shows nothing.
    """
    if _too_large(question.case, golden):
        return None
    if rough is None:
        return UNCLEAR

    def judged(factor: float) -> Judged | None:
        scale = {name: array * factor for name, array in rough.items()}
        return _judged(question, outputs, golden, scale, precision, contracts)

    least = judged(_LEAST)
    if least is None or isinstance(least.outcome, Passed):
        return least
    if within_tolerance(least):
        return UNCLEAR
    most = judged(_MOST)
    if most is None or isinstance(most.outcome, Passed) or within_tolerance(most):
        return UNCLEAR
    return judged(_MIDDLE)


def exactly(
    question: Question,
    outputs: Mapping[str, Any],
    golden: Outputs,
    precision: str,
    contracts: Contracts,
    scale: Outputs | None = None,
) -> Judged | None:
    """The judgement with kappa, as a run makes it, but with golden values that are not proven yet.

    Args:
        scale: kappa (`sampled`); if it is not given, it is computed.

    Returns:
        None if rounding alone explains any answer, or if the right one is too large or too small for its dtype.
    """
    if _too_large(question.case, golden):
        return None
    if scale is None:
        (scale,) = sampled(single(question), [0])
    return _judged(question, outputs, golden, scale, precision, contracts)


def sampled(bundle: Bundle, chosen: Sequence[int]) -> list[Outputs]:
    """kappa of some questions of a bundle, from samples of all at once."""
    if len(bundle.questions) == 1 or not chosen:
        with np.errstate(all="ignore"):
            return [kappa(bundle.case, bundle.arrays, _SAMPLES) for _ in chosen]
    (joined,) = together([bundle.questions[index] for index in chosen], bundle.arrays.weights)
    with np.errstate(all="ignore"):
        found = kappa(joined.case, joined.arrays, _SAMPLES)
    return [joined.outputs_of(n, found) for n in range(len(chosen))]


def within_tolerance(judged: Judged) -> bool:
    """Whether all that is wrong is within the tolerance: a mean error, or the sign of a zero."""
    outcome = judged.outcome
    return isinstance(outcome, Failed) and all(each.within_tolerance for each in outcome.differences)


def _too_large(case: Case, golden: Outputs) -> bool:
    largest = float(ml_dtypes.finfo(case.np_dtype).max)
    return any(bool(np.any(np.isfinite(array) & (np.abs(array) > largest))) for array in golden.values())


def _judged(
    question: Question,
    outputs: Mapping[str, Any],
    golden: Outputs,
    scale: Outputs,
    precision: str,
    contracts: Contracts,
) -> Judged | None:
    case, arrays = question.case, question.arrays
    try:
        demand_judgeable(case, Vector(arrays, golden, scale))
    except GenerationError:
        return None
    scale = kappa_in(precision, case, arrays, scale)
    if not_judged(case, golden, scale, precision) is not None:
        return None
    outcome = judge(case, outputs, golden, scale, precision=precision, contracts=contracts, arrays=arrays)
    form = has_the_form(case, outputs)
    return Judged(outcome, Answer(case, arrays, outputs, golden, scale, precision, contracts) if form else None)
