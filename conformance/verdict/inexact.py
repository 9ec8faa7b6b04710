"""Explanations whose digits differ between implementations: coarser formats, and approximations.

They cannot be reproduced, so a name has to be earned otherwise:

    a format      rounds the same numbers in every implementation, so most of its error points the same way; it is as
                  small as honest arithmetic of that format leaves it; and what the format would get wrong is wrong
    a likeness    each step, given the answer's own step before, is about as wrong as that of the approximation
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import itemgetter

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.outcomes import Suspect
from conformance.case.tensors import Array
from conformance.lstm.mistakes import Mistake
from conformance.verdict.noise import error
from conformance.verdict.reproduce import Trial

_SAME_WAY = 0.5
"""The least cosine between an answer's error and that of a format whose rounding it has."""
_OF_INTEGERS = 16.0 * UNIT_ROUNDOFF["bfloat16"]
"""The largest noise, in units of 1, that is put down to integers of 8 bits."""
_BY_CHANCE = 3.0
"""The cosine of independent errors of n elements is rarely greater than this divided by the square root of n."""
_RIGHT = 0.02
"""The most elements, as a part of all, that may be right although the format would get them wrong."""
_LARGER = 4.0
"""An error resembles that of an approximation if it is at most this many times larger or smaller."""
_BESIDE = 0.3
"""The most elements, as a part of those that an approximation gets clearly wrong, that may be right."""
_FAR, _ENOUGH = 32.0, 4
"""The least error of an approximation, in multiples of what is allowed, that nothing else can well have right; and how
many elements of that kind have to be right at a step or in a row to say that the approximation is not made there."""
_BELOW_HALF = UNIT_ROUNDOFF["float16"] / 16
"""Below this part of the largest value, an error is not that of rounding to a half-precision format."""
_NEARER = 2.0


class Shown:
    """A mistake that has an effect on the case, with its answer, which differs from the right one."""

    def __init__(self, mistake: Mistake, compute: Callable[[], Array | None]) -> None:
        """`compute` gives the answer when it is needed, which most are not."""
        self.mistake, self._compute = mistake, compute

    @cached_property
    def found(self) -> Array | None:
        """The mistake's answer; None if there is none that differs from the right one."""
        return self._compute()


def is_inexact(mistake: Mistake) -> bool:
    """Whether the mistake's digits differ between frameworks, so that its answer cannot be reproduced."""
    return mistake.approximate or mistake.precision is not None


def is_as_small_as(trial: Trial, mistakes: Sequence[Mistake]) -> bool:
    """Whether the answer is at each element as near to the right one as some approximations made together, or nearly.

    That says less than a likeness: the error may be of another kind, but it is no larger than what is known.
    """
    found = trial.computed(*(mistake.variant for mistake in mistakes), budget=None)
    if found is None:
        return False
    own = trial.spread(_finite(error(found, trial.golden)))
    return bool(np.all(error(trial.got, trial.golden) <= _LARGER * own + trial.allowed))


class Inexact:
    """The search among the mistakes that have an effect; each method gives suspects, best first."""

    def __init__(self, trial: Trial, shown: Sequence[Shown]) -> None:
        self._trial = trial
        self._shown = shown

    def roundings(self) -> list[Suspect]:
        """The coarser formats in which the answer is right, and other roundings that explain most of its error."""
        trial, suspects = self._trial, self._formats(self._trial.golden)
        if trial.noise(trial.got, trial.golden) * UNIT_ROUNDOFF[trial.precision] >= _OF_INTEGERS:
            return _best(suspects)
        for shown in self._shown:
            if shown.mistake.axis != "precision" or not shown.mistake.approximate or (found := shown.found) is None:
                continue
            if self._of_its_size(found) and (same_way := self._same_way(trial.golden, found)) > 0.0:
                noise = trial.noise(trial.got, found)
                suspects.append((-same_way, Suspect((shown.mistake.id,), "resembles", noise, trial.precision)))
        return _best(suspects)

    def _same_way(self, right: Array, rounded: Array) -> float:
        """The cosine between the errors of the answer and of a rounding; 0 if it may be so by chance."""
        trial = self._trial
        own = error(rounded, trial.golden)
        count = max(int(np.count_nonzero(own > trial.allowed)), 1)
        cosine = trial.cosine(trial.got - right, rounded - trial.golden)
        return cosine if cosine >= max(_SAME_WAY, _BY_CHANCE / np.sqrt(count)) else 0.0

    def precisions_of_others(self) -> list[Suspect]:
        """The coarser formats in which the answer is that of another mistake."""
        trial, suspects = self._trial, list[tuple[float, Suspect]]()
        for shown in self._shown:
            if is_inexact(shown.mistake) or (found := shown.found) is None:
                continue
            if trial.distance(trial.got, found) * _NEARER <= trial.wrong:
                suspects += self._formats(found, shown.mistake)
        return _best(suspects)

    def _formats(self, right: Array, *others: Mistake) -> list[tuple[float, Suspect]]:
        """The formats whose rounding error is the answer's distance from `right`, each with its unlikeness."""
        trial, suspects = self._trial, list[tuple[float, Suspect]]()
        apart = trial.noise(trial.got, right) * UNIT_ROUNDOFF[trial.precision]
        for shown in self._shown:
            name = shown.mistake.precision
            if name is None or UNIT_ROUNDOFF[name] <= UNIT_ROUNDOFF[trial.precision]:
                continue
            noise = apart / UNIT_ROUNDOFF[name]
            if noise > NOISE_ALLOWED[name] or (found := shown.found) is None:
                continue
            if self._right_beside(right, found) > _RIGHT:
                continue
            # The numbers of a case may well be exact in float32; then there is no common rounding to compare.
            same_way = 1.0 if name == "float32" else self._same_way(right, found)
            if same_way > 0.0:
                ids = (*(mistake.id for mistake in others), shown.mistake.id)
                suspects.append((-same_way, Suspect(ids, "precision", noise, name)))
        return suspects

    def _right_beside(self, right: Array, rounded: Array) -> float:
        """The part of the elements that are right although the format gets them clearly wrong."""
        trial = self._trial
        clearly = error(rounded, trial.golden) > 4.0 * trial.allowed
        as_well = clearly & (error(trial.got, right) <= trial.allowed)
        return float(np.count_nonzero(as_well)) / max(int(np.count_nonzero(clearly)), 1)

    def likenesses(self) -> list[Suspect]:
        """Approximations whose error at each step, given the step before, is about as large as the answer's."""
        trial, suspects = self._trial, list[tuple[float, Suspect]]()
        approximations = [s for s in self._shown if s.mistake.approximate and s.mistake.axis != "precision"]
        # An error as large as the rounding of a half-precision format may come from there.
        if not approximations:
            return []
        if not np.max(self._local, initial=0.0) < _BELOW_HALF * np.max(np.abs(trial.y), initial=0.0):
            return []
        for shown in approximations:
            if (found := shown.found) is not None and self._of_its_size(found) and self._steps_of_its_size(found):
                noise = trial.noise(trial.got, found)
                suspect = Suspect((shown.mistake.id,), "resembles", noise, trial.precision)
                suspects.append((self._unlikeness(found), suspect))
        return _best(suspects)

    def _of_its_size(self, found: Array) -> bool:
        """Whether the error is at each element at most as large as a mistake's at that step, and not much smaller."""
        trial = self._trial
        wrong = error(trial.got, trial.golden)
        near = error(trial.got, found) <= trial.allowed
        within = wrong <= _LARGER * trial.spread(_finite(error(found, trial.golden))) + trial.allowed
        return bool(np.all(near | within)) and trial.wrong >= trial.distance(found, trial.golden) / _LARGER

    def _steps_of_its_size(self, found: Array) -> bool:
        """Whether this holds of each step given the answer's own step before, too, and of nearly all its elements.

        An error that grows from step to step may end as large as one that is large from the first step on.
        """
        trial = self._trial
        own = trial.local_errors(trial.tensor(found, "y"))
        worst = own.max(axis=(1, 2), initial=0.0)[:, None, None]
        clearly = own > 4.0 * trial.y_allowed
        beside = np.count_nonzero(clearly & (self._local <= trial.y_allowed))
        within = np.all(self._local <= _LARGER * worst + trial.y_allowed)
        if not (within and clearly.any() and beside <= _BESIDE * np.count_nonzero(clearly)):
            return False
        # Digits differ, but an approximation is made at every step and in every row.
        far = own > _FAR * trial.y_allowed
        right = far & (self._local <= trial.y_allowed)
        return not any(_all_of_some_index(right, far, axis) for axis in (0, 1))

    @cached_property
    def _local(self) -> Array:
        return np.concatenate([each.apart for each in self._trial.judged.carried], axis=-1)

    def _unlikeness(self, found: Array) -> float:
        """How far an error is from a mistake's own in size: the root mean square of the log ratio at each step."""
        trial = self._trial
        each = (error(trial.got, trial.golden), error(found, trial.golden))
        sizes = [trial.spread(_finite(errors)) + trial.allowed for errors in each]
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = _finite(np.log(sizes[0] / sizes[1]))
        return float(np.sqrt(np.mean(logs**2)))


def _all_of_some_index(some: Array, of: Array, axis: int) -> bool:
    """Whether, at some index of an axis, all elements of `of` are in `some`, and there are enough to say so."""
    others = tuple(n for n in range(of.ndim) if n != axis)
    counts = np.count_nonzero(of, axis=others)
    return bool(np.any((counts >= _ENOUGH) & (np.count_nonzero(some, axis=others) == counts)))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _best(suspects: Sequence[tuple[float, Suspect]]) -> list[Suspect]:
    """The suspects, those with the lowest number first."""
    return [suspect for _, suspect in sorted(suspects, key=itemgetter(0))]
