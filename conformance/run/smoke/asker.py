"""Puts questions to an adapter in its worker process, each distinct question once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.outcomes import Crashed, Errored, Failed, Outcome, TimedOut, Unsupported, killed_at
from conformance.case.tensors import Array, from_bytes, to_bytes
from conformance.run.messages import AtFault, Computed, Died, Raised, Refused, Silent, is_last
from conformance.run.process import Worker
from conformance.run.smoke.questions import Question
from conformance.verdict.compare import form_problems


class NoAnswer(Exception):
    """There are no numbers to compare; the text says why, one line each. outcome: what it would be in a run."""

    def __init__(self, outcome: type[Outcome], lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.outcome = outcome


@dataclass(frozen=True)
class Answer:
    """outputs: of the right form, and finite. precision: the one in which they were computed."""

    outputs: dict[str, Array]
    precision: str


class Asker:
    """An adapter's worker, started when first asked and again after a crash or a hang.

    Args:
        start: starts a worker.
        timeout: seconds that an answer may take.
    """

    def __init__(self, start: Callable[[], Worker], timeout: float) -> None:
        self._start = start
        self._timeout = timeout
        self._worker: Worker | None = None
        self._known: dict[str, Answer | NoAnswer] = {}

    def worker(self) -> Worker:
        """The worker, running.

        Raises:
            AdapterUnavailable: it cannot be started.
        """
        if self._worker is None:
            self._worker = self._start()
        return self._worker

    def ask(self, question: Question) -> Answer:
        """The answer to a question.

        Raises:
            NoAnswer: refused, raised, crashed, timed out; a tensor missing, of another shape or dtype, or not finite.
            AdapterUnavailable: after a crash it cannot be started again.
        """
        if question.fresh:
            return self._answer(question)
        key = hashlib.sha256(question.case.model_dump_json().encode() + to_bytes(question.arrays.flat)).hexdigest()
        if key not in self._known:
            try:
                self._known[key] = self._answer(question)
            except NoAnswer as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, NoAnswer):
            raise found
        return found

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _answer(self, question: Question) -> Answer:
        told = self.worker().ask(question.case, question.arrays, self._timeout)
        if is_last(told):
            self.close()
        match told:
            case Died(text):
                raise NoAnswer(Crashed, ["the process ended: " + text])
            case Silent(printed, seconds):
                raise NoAnswer(TimedOut, [f"no answer within {seconds:g} s{killed_at(printed)}", *printed.splitlines()])
            case AtFault(text):
                raise NoAnswer(Errored, [text])
            case Refused(reason):
                raise NoAnswer(Unsupported, [f"declared, but refused: {reason}"])
            case Raised(text, traceback):
                raise NoAnswer(Errored, [text, *_place(text, traceback)])
            case Computed():
                return self._of_numbers(question, told)

    @staticmethod
    def _of_numbers(question: Question, told: Computed) -> Answer:
        case = question.case
        outputs: dict[str, Any] = from_bytes(told.tensors) | told.strange
        problems = form_problems(case, outputs)
        if not problems:
            problems = [f"{n}: has NaN or infinities" for n in case.outputs if not _finite(outputs[n])]
        if problems:
            raise NoAnswer(Failed, problems)
        return Answer({name: outputs[name] for name in case.outputs}, told.precision)


def _place(text: str, trace: str) -> list[str]:
    """Where it was raised: the lines of a traceback starting at the adapter's own; what a harness says of it."""
    if _HARNESS in trace.replace("\\", "/"):
        _, _, noted = trace.rpartition(f"{text}\n")
        return noted.splitlines() if noted != trace else []
    lines = trace.splitlines()[1:-1]
    starts = [n for n, line in enumerate(lines) if line.startswith('  File "')]
    own = [n for n in starts if not any(path in lines[n].replace("\\", "/") for path in _OURS)]
    return [line.removeprefix("  ") for line in lines[own[0] :]] if own else []


_HARNESS = "conformance/adapters/harness/"
_OURS = ("conformance/run/worker.py", "conformance/adapters/base.py")


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array.astype(np.float64)).all())
