"""Shared by the tests of the judge: a case with golden values and kappa, answers to it, and the verdict."""

import math
from typing import Any

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, numpy_dtype
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Outputs
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

DTYPES = ["float32", "float64", "float16", "bfloat16"]
INFINITY = float("inf")
ALLOWED = NOISE_ALLOWED["float32"]


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "judge/case", "T": 3, "B": 2, "I": 2, "H": 4, **fields})


def golden_of(case: Case) -> Outputs:
    """Numbers that every dtype holds exactly; the largest of each tensor is 1, and y[0, 0, 0] is 0."""
    golden = {}
    for name, shape in case.outputs.items():
        count = math.prod(shape)
        golden[name] = (np.arange(count) % 9 / 8).reshape(shape)
    return golden


def kappa_of(case: Case, value: float = 1.0) -> Outputs:
    return {name: np.full(shape, value) for name, shape in case.outputs.items()}


def answer(case: Case, golden: Outputs, **changes: Any) -> dict[str, Any]:
    """The golden values in the case's dtype; a change is y = {(t, b, j): value} or a whole replacement."""
    outputs: dict[str, Any] = {name: array.astype(case.np_dtype) for name, array in golden.items()}
    for name, change in changes.items():
        if isinstance(change, dict):
            for index, value in change.items():
                outputs[name][index] = value
        else:
            outputs[name] = change
    return outputs


def judged(case: Case, *, golden: Outputs | None = None, kappa: Outputs | None = None, precision: str | None = None,
           padded_y: str = "zeros", **changes: Any) -> Passed | Failed:  # fmt: skip
    golden = golden_of(case) if golden is None else golden
    kappa = kappa_of(case) if kappa is None else kappa
    outputs = answer(case, golden, **changes)
    contracts = Contracts(padded_y=padded_y)
    return judge(case, outputs, golden, kappa, precision=precision or case.dtype, contracts=contracts)


def above(value: float, dtype: str) -> Any:
    """The next larger number of a dtype, and the value itself in that dtype."""
    exact = np.array(value, numpy_dtype(dtype))
    assert float(exact) == value
    return np.nextafter(exact, np.array(INFINITY, numpy_dtype(dtype)))


def difference(outcome: Passed | Failed, tensor: str) -> str:
    assert isinstance(outcome, Failed)
    return next(d.problem for d in outcome.differences if d.tensor == tensor)
