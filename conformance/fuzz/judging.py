"""Judges the answers of a bundle: a quick test for all questions at once, the exact one for those that fail it.

noise = |got - golden| / (u max(kappa, M)). The quick test leaves kappa out and takes a float64 reference for golden: it
costs no sampling, and what is within the tolerance of u M alone is within that of max(kappa, M). So a wrong answer
never passes it by more than the reference's own rounding, which is a few parts in 2^29 of a float32's; answers in
float64 are held against a reference in extended precision, where the processor has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.fuzz.questions import Bundle, Question, together
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
_FEW, _ROUGH = 2, 3.0
"""So many samples give kappa to within this factor, mostly."""
_MORE = 12
"""The samples that decide where few do not; what they call wrong is judged by a vector's once it is reduced."""
_EXTENDED = np.longdouble if np.finfo(np.longdouble).nmant > 60 else np.float64


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


def roughly(bundle: Bundle, chosen: Sequence[int]) -> dict[int, Outputs]:
    """kappa of some questions of a bundle, by index, from a few samples of all at once; {} where that says nothing."""
    if bundle.case.has_loss:
        return {}
    (joined,) = together([bundle.questions[index] for index in chosen], bundle.arrays.weights)
    with np.errstate(all="ignore"):
        found = kappa(joined.case, joined.arrays, _FEW)
    return {index: joined.outputs_of(n, found) for n, index in enumerate(chosen)}


def exactly(
    question: Question,
    outputs: Mapping[str, Any],
    golden: Outputs,
    precision: str,
    contracts: Contracts,
    rough: Outputs | None = None,
) -> Judged | None:
    """The judgement with kappa, as a run makes it, but with golden values that are not proven yet.

    Args:
        rough: kappa from few samples; more are taken where that might decide otherwise.

    Returns:
        None if rounding alone explains any answer, or if the right one is too large or too small for its dtype.
    """
    case, arrays = question.case, question.arrays
    if _too_large(case, golden):
        return None
    if rough is not None:
        low, high = ({name: array * factor for name, array in rough.items()} for factor in (1 / _ROUGH, _ROUGH))
        judged = [_judged(question, outputs, golden, scale, precision, contracts) for scale in (low, high)]
        if judged[0] is None or judged[1] is None:
            return None
        wrong = [isinstance(each.outcome, Failed) for each in judged if each is not None]
        if wrong[0] == wrong[1] and not _within(judged[1]):
            return judged[1]
    with np.errstate(all="ignore"):
        full = kappa(case, arrays, _MORE)
    return _judged(question, outputs, golden, full, precision, contracts)


def _within(judged: Judged) -> bool:
    """Whether what is wrong is within the tolerance: a mean error, or the sign of a zero."""
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
