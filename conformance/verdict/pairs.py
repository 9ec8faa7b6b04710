"""Which two mistakes, made together, may be a wrong answer: those whose effects add up to its error where it begins.

There, the error has not yet spread, and the effects of two mistakes nearly add up. What each mistake does there is
known from the search for single ones, though most were not computed any further.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.case.tensors import Array
from conformance.lstm.mistakes import Mistake
from conformance.lstm.mistakes.base import kept
from conformance.verdict.reproduce import Trial
from conformance.verdict.watch import NEAR

_LEFT = 5.0
"""The most that two effects may leave of an error, as a part of its square."""


class Pairs:
    """The mistakes of a search with their effects."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._mistakes: list[Mistake] = []
        self._effects: list[Array] = []

    def add(self, mistake: Mistake, found: Array | None) -> None:
        """Keeps a mistake with its answer, or with what is known of one that was refuted."""
        effect = self._effect(found)
        if effect is not None:
            self._mistakes.append(mistake)
            self._effects.append(effect)

    def likeliest_first(self) -> Iterator[tuple[Mistake, Mistake]]:
        """The pairs whose effects leave little of the error, the best first."""
        if len(self._mistakes) < 2:
            return
        effects, error = np.stack(self._effects), self._error
        products, seen = effects @ effects.T, effects @ error
        squares = np.diag(products) - 2.0 * seen
        left = squares[:, None] + squares[None] + 2.0 * products + error @ error
        a, b = np.triu_indices(len(effects), 1)
        if self._trial.probe is not None:
            some = self._may_explain(effects)[a, b]
            a, b = a[some], b[some]
        order = np.argsort(left[a, b], kind="stable")
        for n in order[left[a, b][order] <= _LEFT * (error @ error)].tolist():
            yield self._mistakes[a[n]], self._mistakes[b[n]]

    def _may_explain(self, effects: Array) -> Array:
        """Which two of the effects (n, N) at the probe may be the error there: (n, n).

        One that does nothing there leaves it to the other: that has to explain the error alone, so far, unless it puts
        numbers from other places there. Most mistakes without an effect are about something that the case does not
        have, or that comes later.
        """
        allowed = self._trial.allowed_there
        idle = np.all(np.abs(effects) <= allowed, axis=1)
        alone = np.all(np.abs(effects - self._error) <= NEAR * allowed, axis=1)
        alone |= ~idle & ["y" not in kept(mistake.variant) for mistake in self._mistakes]
        found: Array = ~(idle[:, None] | idle) | (idle[:, None] & alone) | (alone[:, None] & idle)
        return found

    @property
    def _error(self) -> Array:
        """The answer's own effect."""
        effect = self._effect(self._trial.got)
        assert effect is not None
        return effect

    def _effect(self, found: Array | None) -> Array | None:
        if self._trial.probe is not None:
            return self._trial.effect_there(found)
        return None if found is None else self._trial.effect(found)
