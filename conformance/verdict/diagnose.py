"""The diagnosis: which mistakes of the catalogue explain a wrong answer.

    one mistake    it produces the same answer, within the case's tolerance; several, if they coincide on the case
    a precision    the answer is right within the tolerance of a coarser format
    a likeness     the error has the kind and size of a mistake whose digits differ between frameworks
    two mistakes   made together, they produce the same answer; or one of them does, in a coarser format

They are tried in this order, each only if nothing before it fits. The mistakes that a known deviation names are tried
first; if they produce the answer, nothing else is tried.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.outcomes import Suspect
from conformance.case.tensors import Array
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.reference import Reference
from conformance.verdict.answer import Answer
from conformance.verdict.noise import error
from conformance.verdict.reproduce import NEAR, Budget, OutOfTime, Trial, keeps_the_order

SECONDS = 0.8
"""The time limit of a diagnosis; if it is too short, the least likely mistakes are left out."""
_IN_FULL = 0.4
"""The part of it that single mistakes may use if each is computed to its end, which pairs require."""
_NEARER, _MUCH_NEARER = 2.0, 30.0
"""A mistake explains an answer that is this many times closer to its own answer than to the golden one. The second
factor applies if the answer is within the tolerance only when the mistake's own rounding is taken into account."""
_LARGER, _SMALLER = 8.0, 16.0
"""An error resembles that of a mistake if it is at most this many times larger or smaller."""


def diagnose(answer: Answer, written: Collection[str] = ()) -> tuple[Suspect, ...]:
    """The mistakes that explain a wrong answer, best first; empty if none does.

    Args:
        answer: with outputs of the right form; missing steps or rows are NaN (conformance.verdict.short_answer).
        written: ids of the mistakes that a known deviation names; they are tried first, without a time limit, and if
            they produce the same answer when made together, nothing else is tried.
    """
    search = _Search(Trial(answer), written)
    steps = (search.written, search.singles, search.inexact, search.pairs, search.precisions_of_others)
    return next((tuple(found) for step in steps if (found := step())), ())


@dataclass(frozen=True)
class _Shown:
    """A mistake that has an effect on the case, with its answer, which differs from the right one."""

    mistake: Mistake
    found: Array


class _Search:
    def __init__(self, trial: Trial, written: Collection[str]) -> None:
        self._trial = trial
        self._written = tuple(BY_ID[mistake] for mistake in written)
        self._shown: list[_Shown] = []

    def written(self) -> list[Suspect]:
        """The mistakes that a known deviation names, made together."""
        orders = dict.fromkeys((self._written, self._written[::-1])) if self._written else ()
        return next((found for order in orders if (found := self._together(order, budget=None))), [])

    def singles(self) -> list[Suspect]:
        """Single mistakes: those a deviation names first, then, if time is short, those that one step can refute."""
        trial, budget, fitting = self._trial, self._budget, list[Suspect]()
        for mistake in sorted(self._applicable, key=self._place):
            limit = None if mistake in self._written else budget
            try:
                found = trial.computed(mistake.variant, budget=limit, watched=self._watchable(mistake))
            except OutOfTime:
                break
            if found is None or trial.distance(found, trial.golden) <= 1.0:
                continue
            self._shown.append(_Shown(mistake, found))
            fitting += self._reproducing(found, mistake)
        return _best_first(fitting)

    @cached_property
    def _budget(self) -> Budget:
        """The time limit, which starts at the first use."""
        return Budget(SECONDS)

    @cached_property
    def _applicable(self) -> list[Mistake]:
        return [mistake for mistake in CATALOGUE if mistake.applies(self._trial.case)]

    @cached_property
    def _in_full(self) -> bool:
        """Whether there is time to compute every mistake to its end."""
        start = time.thread_time()
        self._trial.computed(Reference, budget=None, watched=False)
        return (time.thread_time() - start) * len(self._applicable) <= _IN_FULL

    def _together(self, mistakes: Sequence[Mistake], budget: Budget | None) -> list[Suspect]:
        variants = [mistake.variant for mistake in mistakes]
        found = self._trial.computed(*variants, budget=budget, watched=True)
        # With padding of 1000 in bfloat16, a mistake's answer is hardly nearer than the right one. That is enough to
        # confirm a mistake that a deviation names, but not to guess one.
        nearer = 1.0 if budget is None else _MUCH_NEARER
        return [] if found is None else self._reproducing(found, *mistakes, nearer=nearer)

    def _place(self, mistake: Mistake) -> tuple[bool, bool, bool]:
        return mistake not in self._written, not self._watchable(mistake), not self._in_full and _inexact(mistake)

    def _watchable(self, mistake: Mistake) -> bool:
        return not self._in_full and not _inexact(mistake) and keeps_the_order(mistake.variant)

    def _reproducing(self, found: Array, *mistakes: Mistake, nearer: float = _MUCH_NEARER) -> list[Suspect]:
        """The mistakes as a suspect, if their result `found` is the answer."""
        trial = self._trial
        apart = trial.distance(trial.got, found)
        if apart <= 1.0 and apart * _NEARER <= trial.wrong:
            noise = trial.noise(trial.got, found)
        elif apart <= NEAR and apart * nearer <= trial.wrong:
            noise = trial.noise_as_computed(found, *(mistake.variant for mistake in mistakes))
            if noise > trial.noise_allowed:
                return []
        else:
            return []
        return [Suspect(tuple(mistake.id for mistake in mistakes), "reproduces", noise, trial.precision)]

    def inexact(self) -> list[Suspect]:
        """Coarser formats and likenesses, those whose error is nearest in size first."""
        return _likeliest([*self._precisions(), *self._likenesses()])

    def _precisions(self) -> list[tuple[float, Suspect]]:
        """The coarser formats in which the answer is right."""
        trial, found = self._trial, []
        for ratio, formats in self._coarser():
            if trial.wrong <= ratio:
                found += self._computed_in(formats, trial.golden, ratio)
        return found

    def precisions_of_others(self) -> list[Suspect]:
        """The coarser formats in which the answer is that of another mistake."""
        trial, found = self._trial, []
        for ratio, formats in self._coarser():
            for shown in self._shown:
                apart = trial.distance(trial.got, shown.found)
                if not _inexact(shown.mistake) and apart <= ratio and apart * _NEARER <= trial.wrong:
                    found += self._computed_in(formats, shown.found, ratio, shown.mistake)
        return _likeliest(found)

    def _coarser(self) -> list[tuple[float, list[_Shown]]]:
        """The formats coarser than the answer's: the factor by which they are coarser, and their mistakes."""
        coarser: dict[float, list[_Shown]] = {}
        for shown in self._shown:
            if shown.mistake.precision is not None:
                ratio = UNIT_ROUNDOFF[shown.mistake.precision] / UNIT_ROUNDOFF[self._trial.precision]
                coarser.setdefault(ratio, []).append(shown)
        return [(ratio, formats) for ratio, formats in coarser.items() if ratio > 1.0]

    def _computed_in(
        self, formats: Sequence[_Shown], right: Array, ratio: float, *others: Mistake
    ) -> list[tuple[float, Suspect]]:
        """The formats whose rounding error is about as large as the answer's distance from `right`, with unlikeness."""
        trial = self._trial
        noise = trial.noise(trial.got, right) / ratio
        ids = tuple(mistake.id for mistake in others)
        found = []
        for shown in formats:
            own = trial.distance(shown.found, trial.golden)
            if own / _SMALLER <= trial.distance(trial.got, right) <= own * _LARGER:
                suspect = Suspect((*ids, shown.mistake.id), "precision", noise, shown.mistake.precision or "")
                found.append((self._unlikeness(error(trial.got, right), shown), suspect))
        return found

    def _likenesses(self) -> list[tuple[float, Suspect]]:
        """Mistakes of approximation whose error at each step is about as large as the answer's, with unlikeness."""
        trial = self._trial
        wrong = error(trial.got, trial.golden)
        found = []
        for shown in self._shown:
            if not shown.mistake.approximate:
                continue
            near = error(trial.got, shown.found) <= trial.allowed
            within = wrong <= _LARGER * trial.spread(_finite(error(shown.found, trial.golden))) + trial.allowed
            if np.all(near | within) and trial.wrong >= trial.distance(shown.found, trial.golden) / _SMALLER:
                noise = trial.noise(trial.got, shown.found)
                suspect = Suspect((shown.mistake.id,), "resembles", noise, trial.precision)
                found.append((self._unlikeness(wrong, shown), suspect))
        return found

    def _unlikeness(self, wrong: Array, shown: _Shown) -> float:
        """How far an error is from a mistake's own in size: the root mean square of the log ratio at each step."""
        trial = self._trial
        own = error(shown.found, trial.golden)
        sizes = [trial.spread(_finite(each)) + trial.allowed for each in (wrong, own)]
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = _finite(np.log(sizes[0] / sizes[1]))
        return float(np.sqrt(np.mean(logs**2)))

    def pairs(self) -> list[Suspect]:
        """Two mistakes made together."""
        # If a known deviation names an inexact mistake, its digits cannot be reproduced, so pairs are not searched.
        if not self._in_full or any(map(_inexact, self._written)):
            return []
        groups = self._coinciding([shown for shown in self._shown if not _inexact(shown.mistake)])
        try:
            for a, b in self._likeliest_first([group[0] for group in groups]):
                if self._pair(groups[a][0], groups[b][0]):
                    return self._all_pairs(groups[a], groups[b])
        except OutOfTime:
            pass
        return []

    def _coinciding(self, shown: Sequence[_Shown]) -> list[list[_Shown]]:
        """The mistakes, grouped by equal answers on this case."""
        groups: list[list[_Shown]] = []
        for one in shown:
            for group in groups:
                if self._trial.distance(one.found, group[0].found) <= 1.0:
                    group.append(one)
                    break
            else:
                groups.append([one])
        return groups

    def _likeliest_first(self, shown: Sequence[_Shown]) -> Iterator[tuple[int, int]]:
        """All pairs, ordered by how well the sum of their effects matches that of the answer, the best first."""
        if len(shown) < 2:
            return iter(())
        effects = np.stack([self._trial.effect(one.found) for one in shown])
        products, seen = effects @ effects.T, effects @ self._trial.effect(self._trial.got)
        squares = np.diag(products) - 2.0 * seen
        left = squares[:, None] + squares[None] + 2.0 * products
        a, b = np.triu_indices(len(shown), 1)
        order = np.argsort(left[a, b], kind="stable")
        return zip(a[order].tolist(), b[order].tolist(), strict=True)

    def _pair(self, one: _Shown, other: _Shown) -> list[Suspect]:
        """Both made together, in either order if that makes a difference."""
        orders = _orders(one.mistake, other.mistake)
        return next((found for order in orders if (found := self._together(order, self._budget))), [])

    def _all_pairs(self, some: Sequence[_Shown], others: Sequence[_Shown]) -> list[Suspect]:
        """The pairs from two groups that produce the answer, as many as there is time for."""
        fitting = []
        try:
            for one, other in itertools.product(some, others):
                fitting += self._pair(one, other)
        except OutOfTime:
            pass
        return _best_first(fitting)


def _inexact(mistake: Mistake) -> bool:
    """Whether the mistake's digits differ between frameworks, so that only the size of its error can be compared."""
    return mistake.approximate or mistake.precision is not None


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _orders(one: Mistake, other: Mistake) -> Iterator[tuple[Mistake, Mistake]]:
    """The orders of inheritance in which two mistakes can be combined."""
    if not issubclass(other.variant, one.variant):
        yield one, other
    if not issubclass(one.variant, other.variant) and _replaced(one.variant) & _replaced(other.variant):
        yield other, one


def _replaced(variant: type[Reference]) -> set[str]:
    """The methods that a variant replaces."""
    own = {name for kind in variant.__mro__ if kind not in Reference.__mro__ for name in vars(kind)}
    return {name for name in own if not name.startswith("__") and callable(getattr(Reference, name, None))}


def _best_first(suspects: Sequence[Suspect]) -> list[Suspect]:
    # Mistakes that coincide differ only in the last digit of their noise; they stay in catalogue order.
    return sorted(suspects, key=lambda suspect: float(f"{suspect.noise:.3g}"))


def _likeliest(suspects: Sequence[tuple[float, Suspect]]) -> list[Suspect]:
    return [suspect for _, suspect in sorted(suspects, key=itemgetter(0))]
