"""What a piece hands on: counts, and the first failure of each kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.fuzz.known import Mistakes
from conformance.fuzz.questions import Bundle, Question

UNNAMED = "explained by no mistake"
Kind = tuple[str, ...]
"""What failures of one kind share: the outcome, and the mistakes or the place and options."""


@dataclass(frozen=True)
class Failure:
    """A case that is wrong. mistakes: what explains it, best first. note: what was said, or which relation broke.

    bundle: what it was asked together with, if anything.
    """

    kind: Kind
    outcome: str
    question: Question
    mistakes: tuple[Mistakes, ...] = ()
    note: str = ""
    bundle: Bundle | None = None


@dataclass
class Findings:
    """What came of a piece.

    judged, refused, unjudgeable: cases; of the last, rounding alone explains any answer. known: wrong ones that
    deviations explain. wrong: those that nothing explains, by kind; failures: the first of each kind. unnamed: those
    not handed on. cleared: wrong by the quick test, right by the exact one. related: how many relations were tried.
    next: where the piece ended, its end unless it was stopped. processor: seconds of processor time, with those of its
    workers.
    """

    next: int
    judged: int = 0
    refused: int = 0
    unjudgeable: int = 0
    known: int = 0
    cleared: int = 0
    unnamed: int = 0
    related: int = 0
    wrong: dict[Kind, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    processor: float = 0.0
    stopped: bool = False
