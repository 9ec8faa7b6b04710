"""`judge`: one answer held against the golden values, with the text and the diagnosis of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, get_args

from conformance.adapters.base import EmptyRows, PaddedY
from conformance.api.cases import LSTMCase
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import ConformanceError
from conformance.case.outcomes import Failed, Passed, Suspect
from conformance.results.result import Result
from conformance.run.assess import of_outputs
from conformance.run.worker import split
from conformance.verdict.contracts import Contracts


@dataclass(frozen=True)
class Verdict:
    """What is said of one answer. `str(verdict)` is the message; in a condition it stands for `passed`.

    Attributes:
        case: the id of the case.
        passed: whether every element is right.
        noise: that of the worst element, in noise units; infinite where there is no number (a wrong shape, a NaN).
        message: what the command line says of it, several lines.
        diagnosis: the known mistakes that explain a wrong answer, the best first, each with `mistakes` (the ids, see
            `conformance mistakes ID`), `how`, `noise` and `precision`.
    """

    case: str
    passed: bool
    noise: float
    message: str
    diagnosis: tuple[Suspect, ...] = ()

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return self.message

    @classmethod
    def of(cls, result: Result) -> Verdict:
        """The verdict that a result holds."""
        outcome = result.outcome
        suspects = (outcome.suspects or ()) if isinstance(outcome, Failed) else ()
        noise = inf if result.noise is None else result.noise
        return cls(result.case.id, isinstance(outcome, Passed), noise, result.message(), suspects)


def judge(
    case: LSTMCase,
    outputs: Mapping[str, Any],
    *,
    precision: str | None = None,
    padded_y: PaddedY = "zeros",
    empty_rows: EmptyRows = "initial",
) -> Verdict:
    """Judge an answer, as `conformance run` would.

    Args:
        case: one of `conformance.cases`.
        outputs: NumPy arrays by name, in the case's dtype and with the shapes of `case.golden`: all of them. What is
            not an array, or of another shape or dtype, is a wrong answer, and the message says so.
        precision: the format that the arithmetic was done in, if it was not the case's dtype.
        padded_y, empty_rows: your contracts, where the equations leave a choice (docs/adapters.md, Contracts).

    Raises:
        ConformanceError: an output is none of the case's, there is no such precision or contract, or the case's vector
            cannot be read.
    """
    demand_outputs(case, outputs)
    judged = demanded("precision", precision or case.dtype, tuple(UNIT_ROUNDOFF))
    contracts = Contracts(
        demanded("padded_y", padded_y, get_args(PaddedY)), demanded("empty_rows", empty_rows, get_args(EmptyRows))
    )
    arrays, strange = split(dict(outputs), case.spec)
    outcome = of_outputs(case.spec, case.vector, {**arrays, **strange}, judged, contracts)
    return Verdict.of(Result(case.spec, "outputs", outcome, precision=judged, again=""))


def demand_outputs(case: LSTMCase, outputs: Mapping[str, Any]) -> None:
    """Raises ConformanceError for what is not a case or a mapping, or names an output that the case does not have."""
    if not isinstance(case, LSTMCase):
        raise ConformanceError(f"case is a {type(case).__name__}; give one of conformance.cases(...)")
    if not isinstance(outputs, Mapping):
        raise ConformanceError(f"outputs is a {type(outputs).__name__}; give a dict of NumPy arrays by name")
    there = list(case.spec.outputs)
    for name in outputs:
        if name not in there:
            near = difflib.get_close_matches(str(name), there, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConformanceError(f"{case.id} has no output {name!r}{hint}; its outputs are {', '.join(there)}")


def demanded(name: str, value: str, known: tuple[str, ...]) -> str:
    """A word that is one of those known.

    Raises:
        ConformanceError: it is not.
    """
    if value not in known:
        raise ConformanceError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
    return value
