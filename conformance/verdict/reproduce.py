"""`Trial`: whether a wrong computation produces the same numbers as a wrong answer.

A mistake is computed in float64 on the case's own arrays, which for this purpose is as exact as golden values are. An
answer that results from the mistake is then as close to it as an honest answer is to its golden values: within a few
noise units.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.gradients import completed
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, Step
from conformance.verdict.answer import Answer
from conformance.verdict.noise import allowed, error, times, unit, within_range


class OutOfTime(Exception):
    """The time limit of a diagnosis is exceeded."""


NEAR = 100.0
"""The largest distance, in multiples of what is allowed, between an answer and an ill-conditioned mistake."""


class Budget:
    """A limit on this thread's processor time, in seconds; other adapters running in parallel do not use it up."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raise OutOfTime if the limit is exceeded."""
        if time.thread_time() > self._end:
            raise OutOfTime


class Trial:
    """A wrong answer, with all tensors as one row of numbers, to which wrong computations are compared.

    The unit of an element is that of its golden value or of the answer, whichever is larger, because a mistake may
    produce larger numbers than the right ones.
    """

    def __init__(self, answer: Answer) -> None:
        case, self.precision, self._contracts = answer.case, answer.precision, answer.contracts
        self.case = case
        self._exact, self._by_default = answer.arrays.in_dtype(np.float64), answer.golden
        judged = answer.under_contracts()
        units, largest, sizes = {}, {}, {}
        for name in case.outputs:
            tensors = (judged.outputs[name].astype(np.float64), judged.golden[name])
            got, want = (np.where(np.isfinite(a), a, 0.0) for a in tensors)
            larger = np.where(np.abs(got) > np.abs(want), got, want)
            units[name] = unit(larger, judged.kappa[name], self.precision)
            largest[name] = allowed(larger, judged.kappa[name], case.tolerance, self.precision, case.np_dtype)
            sizes[name] = np.full(got.shape, np.max(np.abs(larger), initial=0.0) * np.sqrt(max(got.size, 1)))
        self.got, self.golden = self._row(judged.outputs), self._row(judged.golden)
        self._unit, self.allowed, self._size = self._row(units), self._row(largest), self._row(sizes)
        self.noise_allowed = case.tolerance.terms(self.precision).get("noise", NOISE_ALLOWED[self.precision])
        self.wrong = self.distance(self.got, self.golden)
        self._borders = np.cumsum([math.prod(shape) for shape in case.outputs.values()])[:-1]
        self.y, self.y_allowed = judged.outputs["y"].astype(np.float64), largest["y"]

    def _row(self, tensors: Mapping[str, Array]) -> Array:
        """All tensors concatenated.

        Raises:
            ValueError: one does not have the shape of the case.
        """
        shapes = self.case.outputs
        if any(tensors[name].shape != shape for name, shape in shapes.items()):
            raise ValueError
        return np.concatenate([tensors[name].astype(np.float64).reshape(-1) for name in shapes])

    def computed(self, *variants: type[Reference], budget: Budget | None, watched: bool) -> Array | None:
        """The result of the mistakes made together; None if they cannot be computed, or are refuted while `watched`.

        Raises:
            OutOfTime: the budget is used up.
        """
        mixin = _Watched if watched and keeps_the_order(*variants) else _Timed
        return self._run(type("Watched", (mixin, *variants), {"trial": self, "budget": budget}), self._exact)

    def _run(self, variant: type[Reference], arrays: Arrays) -> Array | None:
        try:
            with np.errstate(all="ignore"):
                outputs = completed(variant, self.case, arrays)
                return within_range(self._row(self._under_contract(outputs)), self.case.np_dtype)
        except OutOfTime:
            raise
        except Exception:  # the mistake is for other cases, or the two cannot be combined: it did not cause the answer
            return None

    def _under_contract(self, outputs: Outputs) -> Outputs:
        """Outputs changed to follow the adapter's contracts, but only where they are right; a mistake's values stay."""
        applied = self._contracts.applied(self.case, outputs)
        if applied is outputs:
            return outputs
        right = {n: np.all(a == self._by_default[n], axis=-1, keepdims=True) for n, a in outputs.items()}
        under = {name: np.where(right[name], applied[name], array) for name, array in outputs.items()}
        return {n: self._contracts.settled(self.case, n, array, self._by_default[n]) for n, array in under.items()}

    def distance(self, a: Array, b: Array) -> float:
        """The worst error as a multiple of what is allowed: up to 1, the two are the same answer."""
        return float(np.max(times(error(a, b), self.allowed), initial=0.0))

    def noise(self, a: Array, b: Array) -> float:
        """The worst error in noise units."""
        return float(np.max(times(error(a, b), self._unit), initial=0.0))

    def noise_as_computed(self, found: Array, *variants: type[Reference]) -> float:
        """The noise against the mistakes' answer, in the unit of their own rounding where that is larger.

        A mistake may be worse conditioned than the right computation: one that reads padding computes with 1000. A run
        in float32 shows how far rounding moves it.
        """
        rounded = self._run(type("Together", variants, {}), self._exact.in_dtype(np.float32))
        if rounded is None:
            return math.inf
        moved = error(rounded, found) * (UNIT_ROUNDOFF[self.precision] / UNIT_ROUNDOFF["float32"])
        own = np.where(np.isfinite(moved), moved, 0.0)
        largest = [np.full(part.shape, np.max(part, initial=0.0)) for part in np.split(own, self._borders)]
        units = np.maximum(self._unit, np.concatenate(largest))
        return float(np.max(times(error(self.got, found), units), initial=0.0))

    def spread(self, errors: Array) -> Array:
        """For each element, the largest error over all batch rows and units of its step or state."""
        parts = np.split(errors, self._borders)
        shaped = [part.reshape(shape) for part, shape in zip(parts, self.case.outputs.values(), strict=True)]
        axes = [tuple(range(max(a.ndim - 2, 0), a.ndim)) for a in shaped]  # a loss has no axis, a bias has one
        largest = [
            np.broadcast_to(np.max(a, axis=axis, keepdims=True, initial=0.0), a.shape)
            for a, axis in zip(shaped, axes, strict=True)
        ]
        return np.concatenate([a.reshape(-1) for a in largest])

    def effect(self, wrong: Array) -> Array:
        """An answer's difference from the golden one, with equal weight for every tensor; 0 where it is not finite."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            relative = (wrong - self.golden) / self._size
        return np.clip(np.where(np.isfinite(relative), relative, 0.0), -1e3, 1e3)


_ORDER = ("run", "layer", "scan", "joined", "left_out")
"""The methods that determine which h becomes which y."""


def keeps_the_order(*variants: type[Reference]) -> bool:
    """Whether the h of each step is the y of that step, as it is in the reference."""
    return all(getattr(variant, name) is getattr(Reference, name) for variant in variants for name in _ORDER)


class _Refuted(Exception):
    """The computation differs from the answer, so the rest of it is not needed."""


class _Timed(Reference):
    """A mixin for a mistake: stops when the budget is used up."""

    trial: Trial
    budget: Budget | None

    def observe(self, given: Scan, t: int, step: Step) -> None:
        if self.budget is not None:
            self.budget.check()
        super().observe(given, t, step)


class _Watched(_Timed):
    """A mixin for a mistake: stops at the first step whose h is not the answer's y, so that long cases stay cheap."""

    def observe(self, given: Scan, t: int, step: Step) -> None:
        super().observe(given, t, step)
        if given.row // self.case.D != self.case.layers - 1:
            return
        P = self.case.output_size
        here = np.s_[t, :, given.direction * P : (given.direction + 1) * P]
        got = self.trial.y[here]
        wrong = (np.abs(step.new.h - got) > NEAR * self.trial.y_allowed[here]) & np.isfinite(got)
        if np.any(wrong if given.valid is None else wrong & given.valid[t][:, None]):
            raise _Refuted
