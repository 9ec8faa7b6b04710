"""The diagnosis: which mistakes of the catalogue explain a wrong answer.

    one mistake    it produces the same answer, within the case's tolerance; several, if they coincide on the case
    a precision    the error is that of a coarser format
    two mistakes   made together, they produce the same answer
    a likeness     the error has the kind and size of a mistake whose digits differ between frameworks
    two mistakes   one of them produces the answer, in a coarser format

They are tried in this order, each only if nothing before it fits. The mistakes that a known deviation names are tried
first; if they produce the answer, nothing else is tried.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from conformance.case.outcomes import Suspect
from conformance.case.tensors import Array
from conformance.case.where import Where
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.mistakes.base import replaced
from conformance.verdict.answer import Answer
from conformance.verdict.inexact import Inexact, Shown, is_as_small_as, is_inexact
from conformance.verdict.pairs import Pairs
from conformance.verdict.reproduce import Trial
from conformance.verdict.right_scans import leaves_scans
from conformance.verdict.watch import NEAR, Budget, OutOfTime, watchable

SECONDS = 0.4
"""About how long a diagnosis takes at most; if that is too short, the least likely mistakes are left out."""
_PAIRS = 200
"""How many pairs are tried, the likeliest first; of 200 made at random that are named if all are, three come later."""
_PLACES = {mistake.id: place for place, mistake in enumerate(CATALOGUE)}
_NEARER, _MUCH_NEARER = 2.0, 30.0
"""A mistake explains an answer that is this many times closer to its own answer than to the golden one. The second
factor applies if the answer is within the tolerance only when the mistake's own rounding is taken into account."""


def diagnose(answer: Answer, written: Collection[str] = (), where: Where | None = None) -> tuple[Suspect, ...]:
    """The mistakes that explain a wrong answer, best first; empty if none does.

    Args:
        answer: with outputs of the right form; missing steps or rows are NaN (conformance.verdict.short_answer).
        written: ids of the mistakes that a known deviation names; they are tried first, without a time limit, and if
            they produce the same answer when made together, nothing else is tried.
        where: what conformance.verdict.locate says of it; without it, nothing is ruled out beforehand.
    """
    search = _Search(Trial(answer), written, confined=where is not None and where.confined)
    steps = (
        search.written,
        search.singles,
        search.roundings,
        search.pairs,
        search.likenesses,
        search.precisions_of_others,
    )
    return next((tuple(found) for step in steps if (found := step())), ())


def reproduced_by(answer: Answer, candidates: Iterable[Sequence[str]]) -> tuple[str, ...] | None:
    """The first of some sets of mistakes, by their ids, that produce a wrong answer when made together; None if none.

    Much faster than a diagnosis, and blind to mistakes whose digits differ between frameworks.
    """
    trial = Trial(answer)
    for candidate in candidates:
        if _Search(trial, candidate, confined=False).written():
            return tuple(candidate)
    return None


def approximated_by(answer: Answer, mistakes: Sequence[str]) -> bool:
    """Whether a wrong answer is wrong by no more than some approximations, by their ids, are when made together."""
    return is_as_small_as(Trial(answer), [BY_ID[mistake] for mistake in mistakes])


class _Search:
    def __init__(self, trial: Trial, written: Collection[str], *, confined: bool) -> None:
        self._trial, self._confined = trial, confined
        self._written = tuple(BY_ID[mistake] for mistake in written)
        self._shown: list[Shown] = []
        self._rounded: list[Mistake] = []
        self._pairs = Pairs(trial)

    def written(self) -> list[Suspect]:
        """The mistakes that a known deviation names, made together."""
        orders = dict.fromkeys((self._written, self._written[::-1])) if self._written else ()
        return next((found for order in orders if (found := self._together(order, budget=None))), [])

    def singles(self) -> list[Suspect]:
        """Single mistakes: those a deviation names first."""
        trial, budget, fitting = self._trial, self._budget, list[Suspect]()
        for mistake in sorted(self._applicable, key=self._place):
            limit = None if mistake in self._written else budget
            try:
                found = trial.computed(mistake.variant, budget=limit, against=trial.near)
            except OutOfTime:
                break
            if found is not None and trial.distance(found, trial.golden) <= 1.0:
                continue
            if not is_inexact(mistake):
                self._pairs.add(mistake, found)
                if found is None and not trial.refuted_entirely:
                    self._rounded.append(mistake)
            if found is not None:
                self._shown.append(Shown(mistake, functools.partial(_known, found)))
                fitting += self._reproducing(found, mistake)
            elif is_inexact(mistake):
                self._shown.append(Shown(mistake, functools.partial(self._effective, mistake, limit)))
        return _best_first(fitting)

    def _effective(self, mistake: Mistake, budget: Budget | None) -> Array | None:
        """The whole answer of a mistake that was refuted; None if there is not the time, or if it has no effect."""
        try:
            found = self._trial.computed(mistake.variant, budget=budget)
        except OutOfTime:
            return None
        return None if found is None or self._trial.distance(found, self._trial.golden) <= 1.0 else found

    @cached_property
    def _budget(self) -> Budget:
        """The limit of all that is not written down."""
        return Budget(self._trial.case, SECONDS)

    @cached_property
    def _applicable(self) -> list[Mistake]:
        trial = self._trial
        return [each for each in CATALOGUE if trial.may_be(each.variant) and each.applies(trial.case)]

    def _together(self, mistakes: Sequence[Mistake], budget: Budget | None) -> list[Suspect]:
        variants = [mistake.variant for mistake in mistakes]
        found = self._trial.computed(*variants, budget=budget, against=self._trial.near)
        # With padding of 1000 in bfloat16, a mistake's answer is hardly nearer than the right one. That is enough to
        # confirm a mistake that a deviation names, but not to guess one.
        nearer = 1.0 if budget is None else _MUCH_NEARER
        return [] if found is None else self._reproducing(found, *mistakes, nearer=nearer)

    def _place(self, mistake: Mistake) -> tuple[bool, bool, bool]:
        """A sort key: what may be exact comes first, and of that, what does not have to be computed to its end."""
        cheap = watchable(mistake.variant) or leaves_scans(mistake.variant)
        return mistake not in self._written, is_inexact(mistake), not cheap

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

    def roundings(self) -> list[Suspect]:
        """Coarser formats in which the answer is right, and other roundings that explain its error."""
        return self._inexact.roundings()

    def likenesses(self) -> list[Suspect]:
        """Approximations of which the answer has an error of that size; they are made everywhere."""
        return [] if self._confined else self._inexact.likenesses()

    def precisions_of_others(self) -> list[Suspect]:
        """Coarser formats in which the answer is that of another mistake."""
        trial = self._trial
        for mistake in self._rounded:
            try:
                found = trial.computed(mistake.variant, budget=self._budget, against=trial.as_rounded)
            except OutOfTime:
                break
            if found is not None:
                self._shown.append(Shown(mistake, functools.partial(_known, found)))
        return self._inexact.precisions_of_others()

    @cached_property
    def _inexact(self) -> Inexact:
        return Inexact(self._trial, self._shown)

    def pairs(self) -> list[Suspect]:
        """Two mistakes made together."""
        # If a known deviation names an inexact mistake, its digits cannot be reproduced, so pairs are not searched.
        if self._confined or not self._trial.forward or any(map(is_inexact, self._written)):
            return []
        fitting = list[Suspect]()
        try:
            for pair in itertools.islice(self._pairs.likeliest_first(), _PAIRS):
                fitting += self._pair(*pair)
        except OutOfTime:
            pass
        return _best_first(fitting)

    def _pair(self, one: Mistake, other: Mistake) -> list[Suspect]:
        """Both made together, in either order if that makes a difference."""
        return next((found for order in _orders(one, other) if (found := self._together(order, self._budget))), [])


def _known(found: Array) -> Array:
    return found


def _orders(one: Mistake, other: Mistake) -> Iterator[tuple[Mistake, Mistake]]:
    """The orders of inheritance in which two mistakes can be combined."""
    if not issubclass(other.variant, one.variant):
        yield one, other
    if not issubclass(one.variant, other.variant) and replaced(one.variant) & replaced(other.variant):
        yield other, one


def _best_first(suspects: Sequence[Suspect]) -> list[Suspect]:
    # Mistakes that coincide differ only in the last digit of their noise; they come in catalogue order.
    return sorted(suspects, key=lambda s: (float(f"{s.noise:.3g}"), [_PLACES[mistake] for mistake in s.mistakes]))
