"""Where the bundles of a piece come from: what has to be asked again, the variants of a relation, the next layer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.case.tensors import Array
from conformance.fuzz.drawing import QUESTIONS, Drawer
from conformance.fuzz.questions import Bundle, Question, single, together
from conformance.fuzz.relations import RELATIONS


@dataclass
class Related:
    """A relation that is being tried. answers: to its variants, by their index, those that have come."""

    name: str
    question: Question
    outputs: Mapping[str, Any]
    count: int
    pairs: Callable[[Any, Sequence[Any]], list[tuple[Array, Array]]]
    answers: dict[int, tuple[Bundle, dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One of the further cases of a relation."""

    related: Related
    index: int


class Source:
    """What is to be asked next: what has to be asked again, the variants of a relation, the next layer.

    `next` gives more after it has given nothing, once there is more.
    """

    def __init__(self, drawer: Drawer, start: int, stop: int, over: Callable[[], bool]) -> None:
        self.again: deque[Bundle] = deque()
        self.variants: dict[int, Variant] = {}
        self.stopped = False
        self._drawer, self._start, self._stop, self._over = drawer, start, stop, over
        self._layers = iter(range(start // QUESTIONS, -(-stop // QUESTIONS)))

    def __iter__(self) -> Iterator[Bundle]:
        return self

    def __next__(self) -> Bundle:
        while not self.again:
            if self._over():
                self.stopped = True
                raise StopIteration
            weights, questions = self._drawer.layer(next(self._layers))
            chosen = [each for each in questions if self._start <= each.number < self._stop]
            self.again.extend(together(chosen, weights))
        return self.again.popleft()

    def relate(self, question: Question, outputs: Mapping[str, Any], precision: str) -> None:
        """Try one of the relations on a question, in turn; a relation that says nothing of it leaves the turn."""
        layer, names = question.number // QUESTIONS, list(RELATIONS)
        generator = np.random.default_rng([layer])
        for turn in range(len(names)):
            name = names[(layer + turn) % len(names)]
            made = RELATIONS[name](question.case, question.arrays, generator)
            if made is None:
                continue
            variants, pairs = made
            if any(self._drawer.refusal(case) is not None for case, _ in variants):
                continue
            related = Related(name, question, outputs, len(variants), pairs)
            for index, (case, arrays) in enumerate(variants):
                bundle = single(Question(question.number, case, arrays))
                self.again.append(bundle)
                self.variants[id(bundle)] = Variant(related, index)
            return
