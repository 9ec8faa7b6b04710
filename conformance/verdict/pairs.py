"""Which two mistakes, made together, may be a wrong answer: those whose effects add up to its error where it begins.

There, the error has not yet spread, and the effects of two mistakes nearly add up. What each mistake does there is
known from the search for single ones, though most were not computed any further.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.tensors import Array
from conformance.lstm.mistakes import Mistake
from conformance.verdict.reproduce import Trial

_LEFT = 5.0
"""The most that two effects may leave of an error, as a part of its square."""
_ALIKE = 0.05**2
"""The most that one effect may leave if the rest is rounding to a coarser format."""

_ROUNDING = 4.0 * UNIT_ROUNDOFF["bfloat16"]
"""The largest part of the largest value by which a rounding error changes a value."""


class Pairs:
    """The mistakes of a search with their effects."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._mistakes: list[Mistake] = []
        self._effects: list[Array] = []
        self._refuted: list[bool] = []

    def add(self, mistake: Mistake, found: Array | None) -> None:
        """Keeps a mistake with its answer, or with what is known of one that was refuted."""
        effect = self._effect(found)
        if effect is not None:
            self._mistakes.append(mistake)
            self._effects.append(effect)
            self._refuted.append(found is None)

    def likeliest_first(self) -> Iterator[tuple[Mistake, Mistake]]:
        """The pairs whose effects leave little of the error, the best first."""
        if len(self._mistakes) < 2:
            return
        effects, error = np.stack(self._effects), self._error
        products, seen = effects @ effects.T, effects @ error
        squares = np.diag(products) - 2.0 * seen
        left = squares[:, None] + squares[None] + 2.0 * products + error @ error
        a, b = np.triu_indices(len(effects), 1)
        order = np.argsort(left[a, b], kind="stable")
        for n in order[left[a, b][order] <= _LEFT * (error @ error)].tolist():
            yield self._mistakes[a[n]], self._mistakes[b[n]]

    def rounded(self) -> list[Mistake]:
        """The refuted mistakes of which the answer may be that of a coarser format.

        Either the effect leaves hardly anything of the error, or that begins as rounding, before the mistake shows.
        """
        error, each = self._error, zip(self._mistakes, self._effects, self._refuted, strict=True)
        size = np.max(np.abs(self._trial.golden[np.isfinite(self._trial.golden)]), initial=0.0)
        begins = np.all(np.abs(error) <= _ROUNDING * size)
        return [
            mistake
            for mistake, effect, refuted in each
            if refuted and (begins or _square(effect - error) <= _ALIKE * _square(error))
        ]

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


def _square(v: Array) -> float:
    return float(v @ v)
