"""Turns a worker's answer into an outcome: judges it and, if it is wrong, diagnoses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Errored, Failed, Outcome, TimedOut, Unsupported
from conformance.case.tensors import from_bytes
from conformance.golden.vector import Vector
from conformance.lstm.integers import kappa_in
from conformance.run import messages
from conformance.run.messages import AtFault, Computed, Died, Ending, NotLoaded, Raised, Refused, Silent
from conformance.verdict.answer import Answer
from conformance.verdict.compare import has_the_form, judge
from conformance.verdict.contracts import Contracts
from conformance.verdict.integers import not_judged


@dataclass(frozen=True)
class Assessment:
    """The assessment of an answer. precision, seconds: of the computation, if there was one."""

    outcome: Outcome
    precision: str | None = None
    seconds: float = 0.0


def assess(
    case: Case,
    vector: Vector,
    answer: messages.Answer | Ending | NotLoaded,
    written: tuple[str, ...],
    *,
    along_time: bool = True,
) -> Assessment:
    """The outcome of a case.

    Args:
        answer: the answer to the case, or what happened instead.
        written: the mistakes that a known deviation of this case names; the diagnosis tries them first.
        along_time: whether a failure gets its profile.
    """
    match answer:
        case Computed():
            return _of_numbers(case, vector, answer, written, along_time)
        case Refused(reason, seconds):
            return Assessment(Unsupported(reason), seconds=seconds)
        case Raised(text, traceback, seconds):
            return Assessment(Errored(text, traceback), seconds=seconds)
        case Died(text, seconds):
            return Assessment(Crashed(text), seconds=seconds)
        case Silent(text, seconds):
            return Assessment(TimedOut(seconds, text), seconds=seconds)
        case AtFault(text) | NotLoaded(text):
            return Assessment(Errored(text))


def _of_numbers(case: Case, vector: Vector, answer: Computed, written: tuple[str, ...], along_time: bool) -> Assessment:
    outputs: dict[str, Any] = from_bytes(answer.tensors) | answer.strange
    contracts = Contracts(answer.padded_y, answer.empty_rows)
    outcome = of_outputs(case, vector, outputs, answer.precision, contracts, written, along_time=along_time)
    return Assessment(outcome, answer.precision, answer.seconds)


def of_outputs(
    case: Case,
    vector: Vector,
    outputs: Mapping[str, Any],
    precision: str,
    contracts: Contracts,
    written: tuple[str, ...] = (),
    *,
    along_time: bool = False,
) -> Outcome:
    """The judgement of outputs, with a diagnosis where they are wrong; the arguments are those of `judge`, `assess`."""
    kappa = kappa_in(precision, case, vector.arrays, vector.kappa)
    if (reason := not_judged(case, vector.golden, kappa, precision)) is not None:
        return Unsupported(reason)
    outcome = judge(
        case,
        outputs,
        vector.golden,
        kappa,
        precision=precision,
        contracts=contracts,
        arrays=vector.arrays,
    )
    # Of errors within the tolerance, every mistake with a small effect would be an explanation: they tell of none.
    if isinstance(outcome, Failed) and not all(difference.within_tolerance for difference in outcome.differences):
        from conformance.verdict.diagnose import diagnose  # with the whole catalogue, only if it is needed
        from conformance.verdict.locate import locate
        from conformance.verdict.profile import profile
        from conformance.verdict.short_answer import lengthened

        whole = lengthened(case, outputs)
        if whole is None:
            return outcome
        numbers = Answer(case, vector.arrays, whole, vector.golden, kappa, precision, contracts)
        where = locate(numbers)
        suspects = diagnose(numbers, written, where)
        if not has_the_form(case, outputs):
            # A mistake that shortens the answer explains a wrong shape; if none fits, that says nothing about the
            # numbers.
            return replace(outcome, suspects=suspects or None)
        outcome = replace(outcome, where=where, suspects=suspects)
        if along_time:
            found = profile(numbers, suspects)
            outcome = replace(outcome, profile=found)
    return outcome
