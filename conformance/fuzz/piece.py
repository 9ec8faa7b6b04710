"""A piece of a campaign: the cases of a seed from one number to another, judged; a pure function, for any machine.

`piece(label, seed, start, stop)` depends on its arguments and on the adapter alone. What is wrong comes back once for
each kind, not yet reduced; conformance.fuzz.findings does that, where the pieces come together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from conformance.case.dtypes import INTEGERS
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.fuzz.answers import came_of, outputs_of, without_numbers
from conformance.fuzz.asking import Asker
from conformance.fuzz.drawing import QUESTIONS, Drawer
from conformance.fuzz.found import UNNAMED, Failure, Findings
from conformance.fuzz.judging import UNCLEAR, Judged, doubtful, exactly, reference, sampled, surely, within_tolerance
from conformance.fuzz.known import Known, holding, of_suspects
from conformance.fuzz.questions import Bundle, single
from conformance.fuzz.relations import worst
from conformance.fuzz.rough import roughly, single_thread
from conformance.fuzz.sources import Source, Variant
from conformance.golden.inputs import make_arrays
from conformance.lstm.mistakes import BY_ID
from conformance.results.deviations import load_deviations
from conformance.results.shared.conditions import options_of
from conformance.run.messages import Answer, Computed, Ending, Raised, Refused
from conformance.run.settings import RunSettings
from conformance.verdict.compare import has_the_form
from conformance.verdict.contracts import Contracts
from conformance.verdict.diagnose import diagnose
from conformance.verdict.locate import locate

SIZE = 256 * QUESTIONS
"""Cases of a piece, where nobody says otherwise."""
_EXACTLY_EACH = 61
"""Of so many layers one question is judged exactly, whatever the quick test says: for signs of zeros, and bias."""
_UNNAMED = 12
"""Most failures of a piece that no mistake explains and that are handed on; the others are counted."""
_OF_A_BUNDLE = 2
"""Most failures of a bundle that are diagnosed: the same weights and options show the same mistake."""


def piece(
    label: str,
    seed: int,
    start: int,
    stop: int,
    settings: RunSettings | None = None,
    *,
    deviations: bool = True,
    until: float | None = None,
    ended: Callable[[], bool] | None = None,
) -> Findings:
    """Judge cases `start` to `stop` - 1 of a seed.

    Args:
        label: of the adapter, as for `conformance run`.
        settings: how it is run.
        deviations: whether known deviations are recognised, and not reported.
        until: by time.time(), when to stop early.
        ended: whether to stop now.

    Raises:
        AdapterUnavailable: the adapter cannot be made, or its process ended too often.
        LookupError: it accepts nothing of what was drawn.
    """
    began, used = time.monotonic(), _processor_time()
    settings = settings or RunSettings(timeout=30.0)
    found = Findings(start)
    with Asker(label, settings) as asker:
        judge = Piece(asker, known_of(label, asker, settings) if deviations else Known(()), found)
        try:
            with single_thread(), np.errstate(all="ignore"):  # wrong answers may be any numbers
                judge.run(seed, start, stop, until, ended)
        except KeyboardInterrupt:
            found.stopped = True
    found.seconds, found.processor = time.monotonic() - began, _processor_time() - used
    return found


def _over(until: float | None) -> bool:
    return until is not None and time.time() > until


def _processor_time() -> float:
    """Of this process and of those that it has started and that have ended, in seconds."""
    return sum(os.times()[:4])


def known_of(label: str, asker: Asker, settings: RunSettings) -> Known:
    """The known deviations of an adapter that hold for what runs."""
    from conformance.adapters import registry

    written = load_deviations(settings.deviations, registry.parse(label).name)
    held = holding(written, asker.info.versions, asker.info.settings)

    def of_family(family: str) -> list[Case]:
        file = settings.specs / f"{family}.yaml"
        return load_spec(file) if file.exists() else []

    return Known(held, of_family)


class Piece:
    """Judges bundle after bundle; `found` has what came of it so far."""

    def __init__(self, asker: Asker, known: Known, found: Findings) -> None:
        self._asker, self._known, self._found = asker, known, found
        self._diagnosed = 0

    def run(
        self,
        seed: int,
        start: int,
        stop: int,
        until: float | None = None,
        ended: Callable[[], bool] | None = None,
    ) -> None:
        """Judge a range of cases."""
        drawer = Drawer(self._asker.capabilities, self._asker.refusal, seed, self._accepts)
        self._source = Source(drawer, start, stop, lambda: _over(until) or (ended is not None and ended()))
        for bundle, answer in self._asker.answers(self._source):
            if (variant := self._source.variants.pop(id(bundle), None)) is not None:
                self._relate(variant, bundle, answer)
                continue
            self._judge(bundle, answer)
            self._found.next = max(self._found.next, bundle.questions[-1].number + 1)
        self._found.stopped = self._source.stopped

    def _accepts(self, case: Case) -> bool:
        return not isinstance(self._asker.ask(case, make_arrays(case)), Refused)

    def _judge(self, bundle: Bundle, answer: Answer | Ending) -> None:
        count = len(bundle.questions)
        match answer:
            case Computed():
                self._numbers(bundle, answer)
            case Refused():
                self._found.refused += count
            case Raised() if count > 1:
                self._source.again.extend(single(each) for each in bundle.questions)
            case _:
                self._found.judged += count
                outcome, said = came_of(answer)
                self._add(Failure((outcome, *without_numbers(said)), outcome, bundle.questions[0], note=said))

    def _numbers(self, bundle: Bundle, answer: Computed) -> None:
        outputs, contracts = outputs_of(answer), Contracts(answer.padded_y, answer.empty_rows)
        golden = reference(bundle.case, bundle.arrays)
        wrong = doubtful(bundle, outputs, golden, answer.precision, contracts)
        first = bundle.questions[0]
        if first.number % (QUESTIONS * _EXACTLY_EACH) == 0:
            wrong = sorted({0, *wrong})
        self._found.judged += len(bundle.questions)
        self._diagnosed = 0
        rough = roughly(bundle, wrong, golden) if wrong and answer.precision not in INTEGERS else {}
        told = {index: (bundle.outputs_of(index, outputs), bundle.outputs_of(index, golden)) for index in wrong}
        rest = (answer.precision, contracts)
        judged = {n: surely(bundle.questions[n], *told[n], *rest, rough.get(n)) for n in wrong}
        unclear = [index for index in wrong if judged[index] is UNCLEAR]
        for index, scale in zip(unclear, sampled(bundle, unclear), strict=True):
            judged[index] = exactly(bundle.questions[index], *told[index], *rest, scale)
        among = bundle if len(bundle.questions) > 1 else None
        for index, each in judged.items():
            assert each is not UNCLEAR
            self._take(Failure((), Failed.name, bundle.questions[index], bundle=among), each)
        if first.number % QUESTIONS == 0 and 0 not in wrong:
            self._source.relate(first, bundle.outputs_of(0, outputs), answer.precision)

    def _take(self, failure: Failure, judged: Judged | None) -> None:
        """Take what came of the exact judgement of a question."""
        if judged is None:
            self._found.judged -= 1
            self._found.unjudgeable += 1
        elif isinstance(judged.outcome, Passed):
            self._found.cleared += 1
        else:
            self._wrong(failure, judged)

    def _wrong(self, failure: Failure, judged: Judged) -> None:
        case, answer = failure.question.case, judged.answer
        assert isinstance(judged.outcome, Failed)
        problems = [f"{each.tensor} {each.problem}" for each in judged.outcome.differences]
        if answer is None or within_tolerance(judged):
            if answer is not None and self._known.approximates_within(answer):
                self._found.known += 1
                return
            self._add(replace(failure, kind=(Failed.name, *without_numbers(problems[0])), note=problems[0]))
            return
        mistakes = self._known.reproduces(answer)
        if (mistakes and self._known.written([mistakes])) or self._known.approximates(answer):
            self._found.known += 1
            return
        if mistakes:  # only met before; a small error may be that of many mistakes
            kind = (Failed.name, *mistakes)
            self._found.wrong[kind] = self._found.wrong.get(kind, 0) + 1
            return
        if self._diagnosed == _OF_A_BUNDLE:
            self._found.unnamed += 1
            return
        self._diagnosed += 1
        where = locate(answer)
        found = tuple(of_suspects(diagnose(answer, (), where)))
        if self._known.written(found):
            self._found.known += 1
        elif found:
            if not any(BY_ID[each].approximate for each in found[0]):
                self._known.add(found[0])  # of approximations, only what is confirmed explains others
            self._add(replace(failure, kind=(Failed.name, *found[0]), mistakes=found))
        else:
            stage = "" if where is None else where.stage
            kind = (Failed.name, UNNAMED, stage, *sorted(options_of(case)))
            note = failure.note or ("" if where is None else where.words())
            self._add(replace(failure, kind=kind, note=note))

    def _add(self, failure: Failure) -> None:
        named = bool(failure.mistakes)
        if not named and self._known.without_a_name(failure.question.case, failure.outcome):
            self._found.known += 1
            return
        if failure.kind not in self._found.wrong:
            if not named and sum(not each.mistakes for each in self._found.failures) >= _UNNAMED:
                self._found.unnamed += 1
                return
            self._found.failures.append(failure)
        self._found.wrong[failure.kind] = self._found.wrong.get(failure.kind, 0) + 1

    def _relate(self, variant: Variant, bundle: Bundle, answer: Answer | Ending) -> None:
        """Compare the answers of a relation once all are there; what breaks it is judged exactly."""
        if not isinstance(answer, Computed):
            if not isinstance(answer, Refused):
                outcome, said = came_of(answer)
                self._add(Failure((outcome, *without_numbers(said)), outcome, bundle.questions[0], note=said))
            return
        related = variant.related
        related.answers[variant.index] = (bundle, outputs_of(answer))
        if len(related.answers) < related.count:
            return
        self._found.related += 1
        others = [outputs for _, (_, outputs) in sorted(related.answers.items())]
        if not all(has_the_form(b.case, outputs) for b, outputs in related.answers.values()):
            apart = inf
        else:
            apart = worst(related.pairs(related.outputs, others), answer.precision)
        if not apart <= 1.0:
            contracts = Contracts(answer.padded_y, answer.empty_rows)
            note = f"breaks the relation {related.name}"
            asked = [(related.question, related.outputs)]
            asked += [(b.questions[0], outputs) for b, outputs in related.answers.values()]
            for question, outputs in asked:
                right = reference(question.case, question.arrays)
                judged = exactly(question, outputs, right, answer.precision, contracts)
                self._found.judged += 1
                self._take(Failure((), Failed.name, question, note=note), judged)
