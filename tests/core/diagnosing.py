"""Shared by the tests of diagnosis: what an implementation with a mistake answers, and the suspects, in time."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.outcomes import Failed, Suspect
from conformance.case.tensors import Array, Outputs
from conformance.case.where import Where
from conformance.golden.vector import Vector
from conformance.lstm.gradients import completed
from conformance.lstm.reference import Reference
from conformance.verdict.answer import Answer
from conformance.verdict.compare import judge
from conformance.verdict.contracts import DEFAULTS, Contracts
from conformance.verdict.diagnose import diagnose

SECONDS = 3.0
"""Three times the longest that was seen, as the processor may be shared."""


def made(variant: type[Reference], case: Case, vector: Vector) -> Outputs:
    """What an implementation that makes a mistake returns: computed in float32 or float64, rounded once if narrower."""
    working = np.float64 if case.dtype == "float64" else np.float32
    with np.errstate(all="ignore"):
        outputs = completed(variant, case, vector.arrays.in_dtype(working))
        return {name: array.astype(case.np_dtype) for name, array in outputs.items()}


def wrong(case: Case, vector: Vector, outputs: Outputs, contracts: Contracts = DEFAULTS) -> bool:
    """Whether it fails, with numbers to look at."""
    fails = isinstance(
        judge(case, outputs, vector.golden, vector.kappa, precision=case.dtype, contracts=contracts), Failed
    )
    return fails and all(outputs[name].shape == shape for name, shape in case.outputs.items())


def diagnosed(
    case: Case,
    vector: Vector,
    outputs: Mapping[str, Array],
    *,
    written: Sequence[str] = (),
    where: Where | None = None,
    **judged_by: Any,
) -> tuple[Suspect, ...]:
    """The suspects, in less than the time that is promised."""
    judged_by = {"precision": case.dtype} | judged_by
    answer = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, **judged_by)
    start = time.thread_time()
    found = diagnose(answer, written, where)
    assert time.thread_time() - start < SECONDS, case.id
    return found


def shuffled(items: Sequence[Any], seed: str) -> list[Any]:
    """In an order that is always the same and means nothing."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{getattr(item, 'id', item)}".encode()).digest())


def named(suspects: Sequence[Suspect], *ids: str) -> bool:
    return any(set(suspect.mistakes) == set(ids) for suspect in suspects)
