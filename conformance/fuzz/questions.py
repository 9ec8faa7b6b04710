"""Questions for a layer: one case each, or as one case that calls the layer once for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Weights
from conformance.case.text import shortened


@dataclass(frozen=True)
class Question:
    """A layer with its inputs: a case and its numbers. number: that of the case in its seed."""

    number: int
    case: Case
    arrays: Arrays


@dataclass(frozen=True)
class Bundle:
    """Questions for the same layer, asked as one case with several calls; or a single question.

    case: of all of them. rows: the first row of each, and the end.
    """

    questions: tuple[Question, ...]
    case: Case
    arrays: Arrays
    rows: tuple[int, ...]

    def outputs_of(self, index: int, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The part of an answer that belongs to one of the questions. Rows are the last axis but one."""
        if len(self.questions) == 1:
            return dict(outputs)
        rows = slice(self.rows[index], self.rows[index + 1])
        return {n: a[..., rows, :] if isinstance(a, np.ndarray) and a.ndim > 1 else a for n, a in outputs.items()}


def single(question: Question) -> Bundle:
    """A question by itself."""
    return Bundle((question,), question.case, question.arrays, (0, question.case.B))


def together(questions: Sequence[Question], weights: Weights) -> list[Bundle]:
    """The questions as one case where the layer can be called for each; else one by one."""
    first = questions[0].case
    if len(questions) == 1 or first.has_loss or first.blocks is not None:
        return [single(each) for each in questions]
    inputs = [each.arrays.inputs for each in questions]
    given: dict[str, Any] = {}
    for name, axis in {"x": 1, "h0": 1, "c0": 1, "lengths": 0, "mask": 1}.items():
        parts = [getattr(each, name) for each in inputs]
        given[name] = None if parts[0] is None else np.concatenate(parts, axis=axis)
    cases = [each.case for each in questions]
    calls = tuple(case.B for case in cases)
    update: dict[str, Any] = {"B": sum(calls), "calls": calls, "poison": None}
    for name in ("lengths", "skip"):
        if getattr(first, name) is not None:
            update[name] = tuple(item for case in cases for item in getattr(case, name))
    rows = tuple(np.cumsum([0, *calls]).tolist())
    case = first.model_copy(update=update)
    return [Bundle(tuple(questions), case, Arrays(weights, replace(inputs[0], **given)), rows)]


def with_id(case: Case, name: str) -> Case:
    """The same case under another name in the family `fuzz`."""
    return case.model_copy(update={"id": f"fuzz/{name}"})


def summary(case: Case) -> str:
    """A case in one line."""
    return shortened(case.summary(), 200)
