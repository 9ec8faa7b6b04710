"""kappa of many questions at once, roughly: the errors that NumPy makes in float32, in units of float32's roundoff.

kappa counts operations, whatever format they are rounded to, so float32's own errors tell its size, at the cost of a
few evaluations of plain arrays. Of thousands of tensors of drawn cases the root mean square of eight such errors is
mostly 0.6 of kappa, and hardly anywhere more than 3 times as large; where a result happens to be exact it is smaller
without limit. So it can say that an answer is right, and that one is wrong only where that is beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
_SMALLEST, _LARGEST = 1e-30, 1e30
"""Outputs beyond these come of intermediate results that float32 may not hold."""
_LINEAR = 2.0**-6
"""An error of this part of the largest output is no longer proportional to the roundoff."""


def roughly(bundle: Bundle, chosen: Sequence[int], golden: Outputs) -> dict[int, Outputs]:
    """kappa of some questions of a bundle, by index, elementwise; without those of which float32 tells nothing.

    Args:
        golden: of the bundle's case.
    """
    generator = np.random.default_rng([each.number for each in bundle.questions])
    questions = [bundle.questions[index] for index in chosen]
    if bundle.case.has_loss or bundle.case.blocks is not None or len(bundle.questions) == 1:
        squares = [_one_by_one(question, generator) for question in questions]
    else:
        squares = _together(questions, bundle.arrays.weights, generator)
    found = {index: {n: np.sqrt(a) for n, a in each.items()} for index, each in zip(chosen, squares, strict=True)}
    return {index: each for index, each in found.items() if _tells(bundle.case, each, bundle.outputs_of(index, golden))}


def _one_by_one(question: Question, generator: np.random.Generator) -> Outputs:
    """The mean squares of one question's errors."""
    if question.case.has_loss:
        runs = [_errors(question.case, _moved(question, generator).arrays) for _ in range(_OF_A_LOSS)]
        return {name: np.mean([run[name] ** 2 for run in runs], axis=0) for name in runs[0]}
    (found,) = _together([question], question.arrays.weights, generator)
    return found


def _together(questions: Sequence[Question], weights: Any, generator: np.random.Generator) -> list[Outputs]:
    """The mean squares of the errors of questions for one layer, whose samples are rows of one evaluation."""
    samples = [_moved(question, generator) for _ in range(SAMPLES) for question in questions]
    joined = _in_rows(samples, weights)
    errors = _errors(joined.case, joined.arrays)
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


def _moved(question: Question, generator: np.random.Generator) -> Question:
    """The question in float32, with x and the initial states a little beside what they are."""

    def moved(array: Array | None) -> Any:
        if array is None:
            return None
        factors = 1.0 + _MOVED * generator.uniform(-1.0, 1.0, array.shape)
        with np.errstate(all="ignore"):
            return (array.astype(np.float64) * factors).astype(np.float32)

    inputs = question.arrays.inputs
    given = {name: moved(getattr(inputs, name)) for name in ("x", "h0", "c0")}
    return replace(question, arrays=Arrays(question.arrays.weights, replace(inputs, **given)))


def _errors(case: Case, arrays: Arrays) -> Outputs:
    """The errors of an evaluation in float32, in units of its roundoff; NaN where it gives no number."""
    with np.errstate(all="ignore"):
        narrow = arrays.in_dtype(np.float32)
        got, want = reference_of(case).run(narrow), reference_of(case).run(narrow.in_dtype(np.float64))
        return {
            name: np.where(np.isfinite(a), (got[name].astype(np.float64) - a) / UNIT_ROUNDOFF["float32"], 0.0)
            for name, a in want.items()
        }


def _tells(case: Case, rough: Mapping[str, Array], golden: Mapping[str, Array]) -> bool:
    """Whether float32 holds everything there, and rounds something."""
    for name, array in rough.items():
        size = np.max(np.abs(golden[name]), initial=0.0, where=np.isfinite(golden[name]))
        most = np.max(array, initial=0.0)
        if not np.isfinite(most) or (size and not _SMALLEST < size < _LARGEST):
            return False
        if case.dtype == "float64" and most * UNIT_ROUNDOFF["float32"] > _LINEAR * size:
            return False
    return any(np.any(array) for array in rough.values())
