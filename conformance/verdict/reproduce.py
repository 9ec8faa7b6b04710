"""`Trial`: whether a wrong computation produces the same numbers as a wrong answer.

A mistake is computed in float64 on the case's own arrays, which for this purpose is as exact as golden values are. An
answer that results from the mistake is then as close to it as an honest answer is to its golden values: within a few
noise units. Where a wrong answer comes near the largest number of float32, mistakes are computed in float32: beyond
that number float64 goes on with numbers, and float32 with infinities and NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.tensors import Array, Outputs
from conformance.lstm.gradients import Gradients, completed, has_the_right_forward_pass
from conformance.lstm.reference import Reference
from conformance.lstm.tape import Recorded
from conformance.verdict.answer import Answer
from conformance.verdict.follow import follow, top_scans
from conformance.verdict.noise import allowed, error, times, unit, within_range
from conformance.verdict.watch import NEAR, Budget, OutOfTime, Probe, Timed, Watched, WatchedBackward, keeps_the_order

_SHORT_OF_OVERFLOW = 256.0
"""The terms of a sum may be about this many times larger than the sum."""


class Trial:
    """A wrong answer, with its tensors as one row of numbers, to which wrong computations are compared.

    If the forward pass is wrong, gradients are wrong as its consequence, so they are left out.

    The unit of an element is that of its golden value or of the answer, whichever is larger, because a mistake may
    produce larger numbers than the right ones.
    """

    def __init__(self, answer: Answer) -> None:
        case, self.precision, self._contracts = answer.case, answer.precision, answer.contracts
        self._exact, self._by_default = answer.arrays.in_dtype(np.float64), answer.golden
        judged = answer.under_contracts()
        self.forward = case.gradients is None or _forward_is_wrong(judged)
        self.case = case = case.model_copy(update={"gradients": None}) if self.forward else case
        units, largest, sizes = {}, {}, {}
        for name in case.outputs:
            larger = judged.larger(name)
            units[name] = unit(larger, judged.kappa[name], self.precision)
            largest[name] = allowed(larger, judged.kappa[name], case.tolerance, self.precision, case.np_dtype)
            sizes[name] = np.full(larger.shape, np.max(np.abs(larger), initial=0.0) * np.sqrt(max(larger.size, 1)))
        self.got, self.golden = self._row(judged.outputs), self._row(judged.golden)
        self._unit, self.allowed, self._size = self._row(units), self._row(largest), self._row(sizes)
        self.noise_allowed = case.tolerance.terms(self.precision).get("noise", NOISE_ALLOWED[self.precision])
        self.wrong = self.distance(self.got, self.golden)
        self._arrays = self._exact.in_dtype(np.float32) if self._overflows() else self._exact
        self._borders = np.cumsum([math.prod(shape) for shape in case.outputs.values()])[:-1]
        self.y, self.y_allowed = judged.outputs["y"].astype(np.float64), largest["y"]
        self.taken = np.zeros((case.T, case.B), dtype=bool)
        for row in range(case.B):
            self.taken[case.valid_steps(row), row] = True
        self.reached: Array = np.any(self.taken[case.block_steps[-1]], axis=0)
        finals = {name: judged.outputs[name].astype(np.float64) for name in ("h_n", "c_n")}
        # Rows are missing (conformance.verdict.short_answer), so it is not known of which layer the others are.
        unknown = any(np.isnan(got[-1]).all() for got in finals.values())
        self.probe, self.seen = self._probe(judged, largest["h_n"], known=not unknown), None
        ys, near_y = (np.split(each, case.D, axis=-1) for each in (self.y, self.y_allowed))
        self.watched_y = [_watched(y, near, self.taken[..., None]) for y, near in zip(ys, near_y, strict=True)]
        counted = np.zeros_like(self.reached[:, None]) if unknown else self.reached[:, None]
        self.watched_finals = {name: _watched(got, largest[name], counted) for name, got in finals.items()}

    def _probe(self, judged: Answer, largest: Array, *, known: bool) -> Probe | None:
        """Where the answer is first wrong in the order of the computation; None if that is not in a layer.

        Args:
            largest: the error allowed in h_n. known: whether it is known of which layer each h_n is.
        """
        case = self.case
        y = (error(self.y, judged.golden["y"]) > self.y_allowed) & self.taken[..., None]
        if not y.any():
            return None
        got = judged.outputs["h_n"].astype(np.float64)
        final: Array = np.asarray((error(got, judged.golden["h_n"]) > largest)[:, self.reached] & known)
        for layer, of_layer in enumerate(np.split(final, case.layers)[:-1]):
            if of_layer.any():
                return Probe(layer)
        for direction, half in enumerate(np.split(y, case.D, axis=-1)):
            steps = np.flatnonzero(half.any(axis=(1, 2)))
            if steps.size:
                return Probe(case.layers - 1, direction, int(steps[-1] if case.reverse(direction) else steps[0]))
        return None

    def there(self, row: Array) -> Array:
        """The numbers at the probe, in a row of all numbers."""
        assert self.probe is not None
        y, h_n = (self._tensor(row, name) for name in ("y", "h_n"))
        return self.probe.of(self.case, y, h_n)

    def _tensor(self, row: Array, name: str) -> Array:
        part = np.split(row, self._borders)[list(self.case.outputs).index(name)]
        return part.reshape(self.case.outputs[name])

    def may_be(self, variant: type[Reference]) -> bool:
        """Whether a mistake is in the pass that is wrong, forward or backward."""
        return issubclass(variant, Gradients) != self.forward

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
        mixin = Watched if watched and keeps_the_order(*variants) else Timed
        if budget is not None:
            budget.check()
        self.seen = None
        if len(variants) == 1 and has_the_right_forward_pass(variants[0]):
            backward = type("Watched", (WatchedBackward, *variants), {"trial": self}) if watched else variants[0]
            return self._row_of(lambda: self._from_right_forward_pass(backward))
        variant = type("Watched", (mixin, *variants), {"trial": self, "budget": budget})
        return self._row_of(lambda: completed(variant, self.case, self._arrays))

    def _overflows(self) -> bool:
        """Whether the answer, but not the right one, comes near the largest number of float32."""
        if self.case.dtype != "float32":
            return False
        large = float(np.finfo(np.float32).max) / _SHORT_OF_OVERFLOW
        return bool(np.any((np.abs(self.got) > large) & ~(np.abs(self.golden) > large)))

    def _row_of(self, computation: Callable[[], Outputs]) -> Array | None:
        """What a mistake's computation gives, as a row of numbers; None if it cannot be computed."""
        try:
            with np.errstate(all="ignore"):
                outputs = computation()
                return within_range(self._row(self._under_contract(outputs)), self.case.np_dtype)
        except OutOfTime:
            raise
        except Exception:  # the mistake is for other cases, or the two cannot be combined: it did not cause the answer
            return None

    def _from_right_forward_pass(self, variant: type[Reference]) -> Outputs:
        """The result of a mistake of the backward pass alone; the forward pass is computed once for all of them."""
        mistaken = variant(self.case)
        assert isinstance(mistaken, Gradients)
        mistaken.tape = self._right[0].tape
        return mistaken.with_gradients(self._arrays, self._right[1])

    @cached_property
    def watched_gradients(self) -> dict[str, tuple[Array, Array]]:
        """The answer's gradients, and how near those of a mistake have to be.

        One that is further away is neither the answer, nor the answer in a coarser format: that is at least twice as
        near to the answer as the golden values are.
        """
        further = max(1.0, self.wrong / (2.0 * NEAR))
        return {
            name: _watched(self._tensor(self.got, name), further * self._tensor(self.allowed, name), np.True_)
            for name in self.case.outputs
            if name.startswith("d_")
        }

    @cached_property
    def _right(self) -> tuple[Gradients, Outputs]:
        """The right forward pass with its outputs."""
        right = Gradients(self.case)
        return right, Recorded.run(right, self._arrays)

    def _under_contract(self, outputs: Outputs) -> Outputs:
        """Outputs changed to follow the adapter's contracts, but only where they are right; a mistake's values stay."""
        applied = self._contracts.applied(self.case, outputs)
        if applied is outputs:
            return outputs
        right = {n: np.all(a == self._by_default[n], axis=-1, keepdims=True) for n, a in outputs.items()}
        under = {name: np.where(right[name], applied[name], array) for name, array in outputs.items()}
        for name in ("h_n", "c_n"):  # a row that has ended may hold what is agreed, whatever the mistake has carried on
            kept = np.all(self._tensor(self.got, name) == applied[name], axis=-1, keepdims=True)
            under[name] = np.where(kept, applied[name], under[name])
        return {n: self._contracts.settled(self.case, n, array, self._by_default[n]) for n, array in under.items()}

    def distance(self, a: Array, b: Array) -> float:
        """The worst error as a multiple of what is allowed: up to 1, the two are the same answer."""
        return float(self.distances(a[None], b)[0])

    def distances(self, some: Array, b: Array) -> Array:
        """The distance of each of several rows of numbers (n, N) from one: (n,)."""
        found: Array = np.max(times(error(some, b), self.allowed), axis=1, initial=0.0)
        return found

    def noise(self, a: Array, b: Array) -> float:
        """The worst error in noise units."""
        return float(np.max(times(error(a, b), self._unit), initial=0.0))

    def noise_as_computed(self, found: Array, *variants: type[Reference]) -> float:
        """The noise against the mistakes' answer, in the unit of their own rounding where that is larger.

        A mistake may be worse conditioned than the right computation: one that reads padding computes with 1000. A run
        in float32 shows how far rounding moves it.
        """
        variant = type("Together", variants, {})
        rounded = self._row_of(lambda: completed(variant, self.case, self._exact.in_dtype(np.float32)))
        if rounded is None:
            return math.inf
        moved = error(rounded, found) * (UNIT_ROUNDOFF[self.precision] / UNIT_ROUNDOFF["float32"])
        own = np.where(np.isfinite(moved), moved, 0.0)
        largest = [np.full(part.shape, np.max(part, initial=0.0)) for part in np.split(own, self._borders)]
        units = np.maximum(self._unit, np.concatenate(largest))
        return float(np.max(times(error(self.got, found), units), initial=0.0))

    def cosine(self, one: Array, other: Array) -> float:
        """The cosine between two errors, each element in its own unit; elements that are not finite are left out."""
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b = one / self._unit, other / self._unit
            both = np.isfinite(a) & np.isfinite(b)
            a, b = a[both], b[both]
            cosine = float(a @ b / np.sqrt((a @ a) * (b @ b)))
        return cosine if math.isfinite(cosine) else 0.0

    def y_of(self, row: Array) -> Array:
        """y (T, B, D*P), in a row of all numbers."""
        return self._tensor(row, "y")

    def local_errors(self, y: Array) -> Array:
        """How far each step of the top layer is from what follows from the step before in this y: (T, B, D*P)."""
        reference = Reference(self.case)
        ys, allowed = (np.split(each, self.case.D, axis=-1) for each in (y, self.y_allowed))
        with np.errstate(all="ignore"):
            scans = top_scans(reference, self._exact)
            return np.concatenate(
                [follow(reference, scan, ys[d], allowed[d]).apart for d, scan in enumerate(scans)], -1
            )

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
            return _clipped((wrong - self.golden) / self._size)

    def effect_there(self, found: Array | None) -> Array | None:
        """The difference from the golden answer at the probe; None if it is not known.

        Args:
            found: an answer; None for the one that was just refuted.
        """
        if found is None and self.seen is None:
            return None
        golden = self.there(self.golden)
        with np.errstate(invalid="ignore", over="ignore"):
            return _clipped((self.seen if found is None else self.there(found)) - golden).reshape(-1)


def _watched(got: Array, largest: Array, counted: Array | np.bool_) -> tuple[Array, Array]:
    """Numbers to compare a mistake with while it is computed, and how near it has to be: infinity if it may be any."""
    compared = np.isfinite(got) & counted
    return np.where(compared, got, 0.0), np.where(compared, NEAR * largest, np.inf)


def _clipped(effect: Array) -> Array:
    return np.clip(np.where(np.isfinite(effect), effect, 0.0), -1e3, 1e3)


def _forward_is_wrong(judged: Answer) -> bool:
    """Whether anything but a gradient is wrong."""
    case = judged.case
    return any(
        np.any(
            error(judged.outputs[name].astype(np.float64), judged.golden[name])
            > allowed(judged.golden[name], judged.kappa[name], case.tolerance, judged.precision, case.np_dtype)
        )
        for name in case.outputs
        if not name.startswith("d_")
    )
