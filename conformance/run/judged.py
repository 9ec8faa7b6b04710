"""From a worker's answer to an outcome: the judge, and for what is wrong the diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, replace

from conformance.case.model import Case
from conformance.case.outcomes import Errored, Failed, Outcome, Unsupported
from conformance.case.tensors import from_bytes
from conformance.golden.vector import Vector
from conformance.run.worker import Message
from conformance.verdict.answer import Answer
from conformance.verdict.compare import has_the_form, judge
from conformance.verdict.contracts import Contracts


@dataclass(frozen=True)
class Judged:
    """What an answer is worth. precision and seconds: of the computing, where there was one."""

    outcome: Outcome
    precision: str | None = None
    seconds: float = 0.0


def judged(case: Case, vector: Vector, answer: Message, written: tuple[str, ...], *, along_time: bool = True) -> Judged:
    """The outcome of a case.

    Args:
        answer: conformance.run.worker.answer.
        written: the mistakes that a known deviation of this case names, for the diagnosis to try first.
        along_time: whether a failure gets its profile.
    """
    if "unsupported" in answer:
        return Judged(Unsupported(answer["unsupported"]), seconds=answer["seconds"])
    if "raised" in answer:
        return Judged(Errored(answer["raised"], answer["traceback"]), seconds=answer["seconds"])
    outputs = from_bytes(answer["outputs"]) | answer["strange"]
    precision, contracts = answer["precision"], Contracts(answer["padded_y"], answer["empty_rows"])
    outcome = judge(case, outputs, vector.golden, vector.kappa, precision=precision, contracts=contracts)
    if isinstance(outcome, Failed):
        from conformance.verdict.diagnose import diagnose  # with the whole catalogue, which a right answer needs not
        from conformance.verdict.profile import profile
        from conformance.verdict.short_answer import lengthened

        whole = lengthened(case, outputs)
        if whole is None:
            return Judged(outcome, precision, answer["seconds"])
        numbers = Answer(case, vector.arrays, whole, vector.golden, vector.kappa, precision, contracts)
        suspects = diagnose(numbers, written)
        if not has_the_form(case, outputs):
            # A mistake that shortens is a name for a wrong shape; that none fits says nothing of the numbers.
            return Judged(replace(outcome, suspects=suspects or None), precision, answer["seconds"])
        outcome = replace(outcome, suspects=suspects)
        if along_time:
            found = profile(numbers, suspects)
            outcome = replace(outcome, profile=found)
    return Judged(outcome, precision, answer["seconds"])
