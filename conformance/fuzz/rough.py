"""kappa of many questions at once, roughly: the errors that NumPy makes in float32, in units of float32's roundoff.

kappa counts operations, whatever format they are rounded to, so float32's own errors tell its size, at the cost of a
few evaluations of plain arrays. Of thousands of tensors of drawn cases the root mean square of eight such errors is
mostly 0.6 of kappa, and hardly anywhere more than 3 times as large; where a result happens to be exact it is smaller
without limit. So it can say that an answer is right, and that one is wrong only where that is beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.fuzz.questions import Bundle, Question, together
from conformance.lstm.gradients import reference_of

SAMPLES = 8
_OF_A_LOSS = 4
"""Samples where rows are combined, so that each is an evaluation of its own."""
_MOVED = 2.0**-20
"""How far inputs are moved from sample to sample, relatively: enough for other roundings, and hardly another case."""
_LINEAR = 2.0**-6
"""An error of this part of the largest output is no longer proportional to the roundoff."""


@dataclass(frozen=True)
class Formats:
    """A format whose errors are looked at, and one that is exact beside it.

    smallest: outputs that are smaller, or larger than its inverse, may come of numbers that the narrow one cannot hold.
    """

    narrow: type
    wide: type
    roundoff: float
    smallest: float


_FORMATS = [Formats(np.float32, np.float64, UNIT_ROUNDOFF["float32"], 1e-30)]
if np.finfo(np.longdouble).nmant > 60:  # slower, for the tiny and the huge
    _FORMATS.append(Formats(np.float64, np.longdouble, UNIT_ROUNDOFF["float64"], 1e-280))


def single_thread() -> AbstractContextManager[object]:
    """Have NumPy's BLAS keep to one thread in this process, wherever it is.

    Several threads sum in another order, so that NumPy's errors, and what they decide, would be those of the machine;
    and the adapter, in its own process, needs the processor.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def roughly(bundle: Bundle, chosen: Sequence[int], golden: Outputs) -> dict[int, Outputs]:
    """kappa of some questions of a bundle, by index, elementwise; without those of which float32 tells nothing.

    Args:
        golden: of the bundle's case.
    """
    found: dict[int, Outputs] = {}
    for formats in _FORMATS:
        left = [index for index in chosen if index not in found]
        found |= _in_formats(bundle, left, golden, formats) if left else {}
    return found


def _in_formats(bundle: Bundle, chosen: Sequence[int], golden: Outputs, formats: Formats) -> dict[int, Outputs]:
    generator = np.random.default_rng([each.number for each in bundle.questions])
    questions = [bundle.questions[index] for index in chosen]
    if bundle.case.has_loss or bundle.case.blocks is not None or len(bundle.questions) == 1:
        squares = [_one_by_one(question, generator, formats) for question in questions]
    else:
        squares = _together(questions, bundle.arrays.weights, generator, formats)
    found = {index: {n: np.sqrt(a) for n, a in each.items()} for index, each in zip(chosen, squares, strict=True)}
    return {index: each for index, each in found.items() if _tells(each, bundle.outputs_of(index, golden), formats)}


def _one_by_one(question: Question, generator: np.random.Generator, formats: Formats) -> Outputs:
    """The mean squares of one question's errors."""
    if question.case.has_loss:
        runs = [_errors(question.case, _moved(question, generator, formats).arrays, formats) for _ in range(_OF_A_LOSS)]
        return {name: np.mean([run[name] ** 2 for run in runs], axis=0) for name in runs[0]}
    (found,) = _together([question], question.arrays.weights, generator, formats)
    return found


def _together(
    questions: Sequence[Question], weights: Any, generator: np.random.Generator, formats: Formats
) -> list[Outputs]:
    """The mean squares of the errors of questions for one layer, whose samples are rows of one evaluation."""
    samples = [_moved(question, generator, formats) for _ in range(SAMPLES) for question in questions]
    joined = _in_rows(samples, weights)
    errors = _errors(joined.case, joined.arrays, formats)
    parts = [joined.outputs_of(index, errors) for index in range(len(samples))]
    found = []
    for index in range(len(questions)):
        own = parts[index :: len(questions)]
        found.append({name: np.mean([each[name] ** 2 for each in own], axis=0) for name in own[0]})
    return found


def _in_rows(questions: Sequence[Question], weights: Any) -> Bundle:
    first = questions[0].case
    if first.blocks is None:
        (joined,) = together(questions, weights)
        return joined
    # The reference takes blocks of any number of rows; only an adapter is not asked so.
    whole = [replace(each, case=each.case.model_copy(update={"blocks": None})) for each in questions]
    (joined,) = together(whole, weights)
    return replace(joined, case=joined.case.model_copy(update={"blocks": first.blocks}))


def _moved(question: Question, generator: np.random.Generator, formats: Formats) -> Question:
    """The question in the narrow format, with x and the initial states a little beside what they are."""

    def moved(array: Array | None) -> Any:
        if array is None:
            return None
        factors = 1.0 + _MOVED * generator.uniform(-1.0, 1.0, array.shape)
        with np.errstate(all="ignore"):
            return (array.astype(np.float64) * factors).astype(formats.narrow)

    inputs = question.arrays.inputs
    given = {name: moved(getattr(inputs, name)) for name in ("x", "h0", "c0")}
    return replace(question, arrays=Arrays(question.arrays.weights, replace(inputs, **given)))


def _errors(case: Case, arrays: Arrays, formats: Formats) -> Outputs:
    """The errors of an evaluation in the narrow format, in units of its roundoff; 0 where that has no number."""
    with np.errstate(all="ignore"):
        narrow = arrays.in_dtype(formats.narrow)
        got, want = reference_of(case).run(narrow), reference_of(case).run(narrow.in_dtype(formats.wide))
        return {
            name: np.where(np.isfinite(a), (got[name].astype(formats.wide) - a) / formats.roundoff, 0.0).astype(
                np.float64
            )
            for name, a in want.items()
        }


def _tells(rough: Mapping[str, Array], golden: Mapping[str, Array], formats: Formats) -> bool:
    """Whether the narrow format holds everything there, and rounds something."""
    for name, array in rough.items():
        size = np.max(np.abs(golden[name]), initial=0.0, where=np.isfinite(golden[name]))
        most = np.max(array, initial=0.0)
        if not np.isfinite(most) or (size and not formats.smallest < size < 1.0 / formats.smallest):
            return False
        if most * formats.roundoff > _LINEAR * size:
            return False
    return any(np.any(array) for array in rough.values())
