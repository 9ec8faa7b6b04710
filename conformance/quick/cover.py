"""Weighted set cover: the cheapest cases that catch every mistake, each by two of them where there are two.

A mistake asks for the surest case that shows it, and for one more, as sure as the second surest is. Cases are taken one
after the other, always the one that meets most demands for what it costs; what is superfluous in the end is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from conformance.quick.catches import Levels

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Demands:
    """What mistakes ask of a set of cases.

    Args:
        levels: (cases, mistakes), of all cases that may be taken.

    Attributes:
        met: (cases, 2 * mistakes), whether a case counts for the first and for the second demand of each mistake.
        needed: (2 * mistakes,), how many cases of these are asked for: 1 and 2, or 0 where there are not so many.
    """

    def __init__(self, levels: Levels) -> None:
        first, second = np.sort(np.pad(levels, ((2, 0), (0, 0))), axis=0)[-1:-3:-1]
        self._mistakes = levels.shape[1]
        self.met = np.concatenate([(levels >= need) & (need > 0) for need in (first, second)], axis=1)
        self.needed = np.concatenate([1 * (first > 0), 2 * (second > 0)])

    def cover(self, seconds: Numbers, budget: float = math.inf) -> list[int]:
        """The cases that meet all demands, those that catch most for what they cost first.

        Args:
            seconds: (cases,), positive.
            budget: what they may cost together. If all demands would cost more, cases that fit: they catch as many
                mistakes as possible once, then, with what is left, a second time.
        """
        whole = self._necessary(self._greedy(seconds, [], len(self.needed)), seconds)
        if seconds[whole].sum() > budget:
            once = self._greedy(seconds, [], self._mistakes, budget)
            return self._greedy(seconds, once, len(self.needed), budget)
        inner = Demands.__new__(Demands)
        inner._mistakes, inner.met, inner.needed = self._mistakes, self.met[whole], self.needed
        once = inner._greedy(seconds[whole], [], self._mistakes)
        return [whole[n] for n in inner._greedy(seconds[whole], once, len(self.needed))]

    def reasons(self, chosen: Sequence[int]) -> list[list[int]]:
        """For each of these cases the mistakes that none other of them, or only one, catches as surely."""
        few = self.met[list(chosen)].sum(axis=0) <= np.maximum(self.needed, 1)
        found = []
        for case in chosen:
            columns = np.flatnonzero(self.met[case] & few & (self.needed > 0))
            found.append(sorted({int(column) % self._mistakes for column in columns}))
        return found

    def _greedy(self, seconds: Numbers, taken: list[int], demands: int, budget: float = math.inf) -> list[int]:
        """More cases behind those that are taken, until the first so many demands are met or nothing fits."""
        met, chosen = self.met[:, :demands], list(taken)
        left = np.maximum(self.needed[:demands] - met[chosen].sum(axis=0), 0)
        gain = met[:, left > 0].sum(axis=1).astype(np.float64)
        gain[chosen] = 0.0
        spent = float(seconds[chosen].sum())
        while True:
            worth = np.where(seconds <= budget - spent, gain / seconds, 0.0)
            best = int(np.argmax(worth)) if len(worth) else 0
            if not len(worth) or worth[best] <= 0.0:
                return chosen
            chosen.append(best)
            spent += float(seconds[best])
            helped = met[best] & (left > 0)
            left[helped] -= 1
            gain -= met[:, helped & (left == 0)].sum(axis=1)
            gain[chosen] = 0.0

    def _necessary(self, chosen: list[int], seconds: Numbers) -> list[int]:
        """The same without superfluous cases, the costliest of which is left out first."""
        count = self.met[chosen].sum(axis=0)
        kept = list(chosen)
        for case in sorted(chosen, key=lambda case: (-seconds[case], case)):
            if np.all(count - self.met[case] >= self.needed):
                kept.remove(case)
                count = count - self.met[case]
        return kept
