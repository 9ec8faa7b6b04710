"""Makes findings of failures: confirmed, reduced, proven by the oracle, diagnosed; one for each kind.

A finding that turns out to be what is known already, or right by its proven values, is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Failed, Outcome, TimedOut
from conformance.case.tensors import Arrays
from conformance.fuzz.answers import came_of, outputs_of, without_numbers
from conformance.fuzz.asking import Asker
from conformance.fuzz.found import UNNAMED, Failure, Kind
from conformance.fuzz.judging import Judged, doubtful, exactly, reference, within_tolerance
from conformance.fuzz.known import Known, Mistakes, of_suspects
from conformance.fuzz.questions import Question, single, with_id
from conformance.fuzz.reductions import Small, padded
from conformance.fuzz.shrinking import shrunk
from conformance.fuzz.specs import with_values
from conformance.golden.build import build
from conformance.golden.vector import Vector
from conformance.lstm.mistakes import BY_ID
from conformance.results.shared.conditions import options_of
from conformance.run.assess import assess, of_outputs
from conformance.run.messages import Answer as Reply
from conformance.run.messages import Computed, Ending, Refused
from conformance.verdict.answer import Answer
from conformance.verdict.compare import has_the_form
from conformance.verdict.contracts import Contracts
from conformance.verdict.diagnose import approximated_by, reproduced_by
from conformance.verdict.inexact import is_inexact

_MOST_ASKED = 400
_MOST_ENDED = 40
_MOST_HURRIED = 60
"""How often a reduction asks at most, in each of its four steps; the second where each time costs a process, the last
where somebody waits."""


@dataclass(frozen=True)
class Finding:
    """A kind of failure with its smallest case.

    kind: the same for the same failure in every campaign. number, seed: of the case in which it was met. case, arrays:
    reduced; `case` has its numbers in it. vector: the proven values; None where there are none to be had, as for a
    crash. outcome: of the proven case. mistakes: what explains it, best first. answer: what was got, by tensor. again:
    whether it happens again when the case is asked by itself; else nothing of it is reduced.
    """

    kind: Kind
    number: int
    seed: int
    case: Case
    arrays: Arrays
    vector: Vector | None
    outcome: Outcome
    mistakes: tuple[Mistakes, ...] = ()
    note: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    again: bool = True

    @property
    def name(self) -> str:
        """The name of its case and of its folder."""
        outcome, *words = self.kind
        digest = hashlib.sha256("\n".join(self.kind).encode()).hexdigest()[:6]
        named = "-with-".join(words) if self.mistakes else outcome.replace(" ", "-")
        return f"{named[:60].strip('-')}-{digest}"

    @property
    def dangerous(self) -> bool:
        """Whether its input ends the process that computes, or makes it hang."""
        return self.outcome.name in (Crashed.name, TimedOut.name)

    @property
    def numbers(self) -> int:
        """How many numbers its tensors are made of: one for a tensor that is constant."""
        return sum(1 if _constant(a) else a.size for n, a in self.arrays.flat.items() if _real(n))


def _real(name: str) -> bool:
    return name not in ("inputs.lengths", "inputs.mask", "inputs.targets")


def _constant(array: Any) -> bool:
    return bool(array.size and (array == array.reshape(-1)[0]).all())


class Reducer:
    """Makes findings of failures, with an adapter of its own."""

    def __init__(self, asker: Asker, known: Known, seed: int) -> None:
        self._asker, self._known, self._seed = asker, known, seed
        self._most = _MOST_ASKED

    def hurry(self) -> None:
        """Reduce less from now on; after an interruption, which may have left a question without its answer."""
        self._most = _MOST_HURRIED
        self._asker.begin_again()

    def finding(self, failure: Failure) -> Finding | None:
        """The finding that a failure becomes; None if it is not wrong, or known."""
        tried: list[Small] = [(failure.question.case, failure.question.arrays)]
        if failure.bundle is not None:  # what is right by itself may be wrong among other calls
            tried.append((failure.bundle.case, failure.bundle.arrays))
        small = next((each for each in tried if self._is_wrong(failure, each)), None)
        if small is None:
            return self._not_again(failure)
        most = _MOST_ENDED if failure.outcome in (Crashed.name, TimedOut.name) else self._most
        small = shrunk(small, lambda each: self._is_wrong(failure, each), most)
        return self._proven(failure, small)

    def _not_again(self, failure: Failure) -> Finding | None:
        """The finding of a process that ended, hung or raised, if only because of what it was asked before."""
        outcome = self._asker.ending(failure.outcome, failure.note)
        if outcome is None:
            return None
        question = failure.question
        case = with_values(with_id(question.case, "finding"), padded(question.case, question.arrays))
        kind = (failure.outcome, *without_numbers(failure.note))
        return Finding(kind, question.number, self._seed, case, question.arrays, None, outcome, again=False)

    def _is_wrong(self, failure: Failure, small: Small) -> bool:
        """Whether a case is wrong in the way of a failure."""
        case, arrays = small
        if self._asker.refusal(case) is not None:
            return False
        answer = self._asker.ask(case, arrays)
        if isinstance(answer, Refused):
            return False
        if not isinstance(answer, Computed):
            outcome, said = came_of(answer)
            return outcome == failure.outcome and (outcome != "errored" or without_numbers(said) == failure.kind[1:])
        if failure.outcome != Failed.name:
            return False
        judged = self._judged(case, arrays, answer)
        return judged is not None and self._is_alike(failure, judged)

    def _judged(self, case: Case, arrays: Arrays, answer: Computed) -> Judged | None:
        question = Question(0, case, arrays)
        outputs, contracts = outputs_of(answer), Contracts(answer.padded_y, answer.empty_rows)
        golden = reference(case, arrays)
        if not doubtful(single(question), outputs, golden, answer.precision, contracts):
            return None
        return exactly(question, outputs, golden, answer.precision, contracts)

    def _is_alike(self, failure: Failure, judged: Judged) -> bool:
        if not isinstance(judged.outcome, Failed):
            return False
        within = within_tolerance(judged)
        if not within and not failure.mistakes and failure.kind[1:2] not in ((), (UNNAMED,)):
            return False  # what was within the tolerance, or had not the form, is not to become another failure
        if judged.answer is None or within or not failure.mistakes:
            first = judged.outcome.differences[0]
            if judged.answer is None or within:
                if judged.answer is not None and self._known.approximates_within(judged.answer):
                    return False
                return without_numbers(f"{first.tensor} {first.problem}") == failure.kind[1:]
            return not self._explained(judged)
        if any(is_inexact(BY_ID[mistake]) for mistake in failure.mistakes[0]):
            return not self._explained(judged) and approximated_by(judged.answer, failure.mistakes[0])
        return reproduced_by(judged.answer, failure.mistakes[:1]) is not None

    def _explained(self, judged: Judged) -> bool:
        """Whether a failure is known: what is looked for is another."""
        assert judged.answer is not None
        return self._known.reproduces(judged.answer) is not None or self._known.approximates(judged.answer)

    def _proven(self, failure: Failure, small: Small) -> Finding | None:
        """The finding of a reduced case."""
        case, arrays = small
        answer = self._asker.ask(case, arrays)
        if isinstance(answer, Refused):
            return None
        if not isinstance(answer, Computed):
            return self._without_numbers(failure, small, answer)
        case = with_values(with_id(case, "finding"), arrays)
        try:
            vector = build(case).vector
        except GenerationError:
            return None
        outputs = outputs_of(answer)
        contracts = Contracts(answer.padded_y, answer.empty_rows)
        outcome = of_outputs(case, vector, outputs, answer.precision, contracts)
        if not isinstance(outcome, Failed):
            return None
        suspects = tuple(of_suspects(outcome.suspects))
        if self._known.written(suspects) or self._is_known(case, vector, outputs, outcome, answer):
            return None
        mistakes = self._names(failure, suspects)
        kind = self._kind(failure, outcome, case, mistakes)
        if not mistakes and self._known.without_a_name(failure.question.case, Failed.name):
            return None
        return Finding(
            *(kind, failure.question.number, self._seed, case, vector.arrays, vector, outcome, mistakes, failure.note),
            answer=outputs,
        )

    def _is_known(
        self, case: Case, vector: Vector, outputs: Mapping[str, Any], outcome: Failed, answer: Computed
    ) -> bool:
        """Whether what is proven wrong is explained after all."""
        if not has_the_form(case, outputs):
            return False
        contracts = Contracts(answer.padded_y, answer.empty_rows)
        given = (case, vector.arrays, outputs, vector.golden, vector.kappa, answer.precision, contracts)
        judged = Judged(outcome, Answer(*given))
        if within_tolerance(judged):
            return judged.answer is not None and self._known.approximates_within(judged.answer)
        return self._explained(judged)

    def _names(self, failure: Failure, found: tuple[Mistakes, ...]) -> tuple[Mistakes, ...]:
        """What explains the case: of what explains the reduced one, that which explained the whole; else either.

        A small case has few numbers, and many mistakes may give them.
        """
        both = tuple(each for each in found if any(set(each) <= set(whole) for whole in failure.mistakes))
        return both or failure.mistakes or found

    def _kind(self, failure: Failure, outcome: Failed, case: Case, mistakes: tuple[Mistakes, ...]) -> Kind:
        if mistakes:
            return (Failed.name, *mistakes[0])
        first = outcome.differences[0]
        if outcome.where is None:
            return (Failed.name, *without_numbers(f"{first.tensor} {first.problem}"))
        options = sorted(options_of(case) - {f"the family {case.family}"})
        return (Failed.name, UNNAMED, outcome.where.stage, *options)

    def _without_numbers(self, failure: Failure, small: Small, answer: Reply | Ending) -> Finding:
        case, arrays = small
        case = with_values(with_id(case, "finding"), padded(case, arrays))
        empty = Vector(arrays, {name: np.zeros(shape) for name, shape in case.outputs.items()}, {})
        outcome = assess(case, empty, answer, ()).outcome
        kind = (failure.outcome, *without_numbers(came_of(answer)[1]))
        return Finding(kind, failure.question.number, self._seed, case, arrays, None, outcome, note=failure.note)
