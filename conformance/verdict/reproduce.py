"""`Trial`: whether a wrong computation produces the same numbers as a wrong answer.

A mistake is computed in float64 on the case's own arrays, which for this purpose is as exact as golden values are. An
answer that results from the mistake is then as close to it as an honest answer is to its golden values: within a few
noise units. Where a wrong answer comes near the largest number of float32, mistakes are computed in float32: beyond
that number float64 goes on with numbers, and float32 with infinities and NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.tensors import Array, Outputs
from conformance.lstm.gradients import Gradients, completed, has_the_right_forward_pass
from conformance.lstm.reference import Reference
from conformance.lstm.tape import Recorded
from conformance.verdict.answer import Answer
from conformance.verdict.below import below
from conformance.verdict.follow import follow
from conformance.verdict.noise import error, within_range
from conformance.verdict.numbers import Numbers, clipped
from conformance.verdict.right_scans import Lent, RightScans, leaves_scans
from conformance.verdict.watch import (
    AROUND,
    NEAR,
    Budget,
    Compared,
    OutOfTime,
    Probe,
    Refuted,
    Target,
    Timed,
    WatchedBackward,
    together,
    watching,
)

_SHORT_OF_OVERFLOW = 256.0
"""The terms of a sum may be about this many times larger than the sum."""


class Trial(Numbers):
    """A wrong answer, to which wrong computations are compared.

    taken (T, B): the steps that count for a row. reached (B,): the rows with a step in the last block. probe: where the
    answer is first wrong. seen: what the last computation had there. refuted_entirely: as in `Refuted`, of the last
    computation that was refuted.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._contracts, self._by_default, case = answer.contracts, answer.golden, self.case
        self._exact = self.judged.exact
        self._arrays = self._exact.in_dtype(np.float32) if self._overflows() else self._exact
        self.taken = np.zeros((case.T, case.B), dtype=bool)
        for row in range(case.B):
            self.taken[case.valid_steps(row), row] = True
        self.reached: Array = np.any(self.taken[case.block_steps[-1]], axis=0)
        # Rows are missing (conformance.verdict.short_answer), so it is not known of which layer the others are.
        self._unknown = any(np.isnan(self.tensor(self.got, name)[-1]).all() for name in ("h_n", "c_n"))
        self.probe = self._probe()
        self.seen: Array | None = None
        self.refuted_entirely = False

    def _probe(self) -> Probe | None:
        """Where the answer is first wrong in the order of the computation; None if that is not in a layer."""
        case, wrong = self.case, error(self.got, self.golden) > self.allowed
        y = self.tensor(wrong, "y") & self.taken[..., None]
        if not y.any():
            return None
        final: Array = np.asarray(self.tensor(wrong, "h_n")[:, self.reached] & (not self._unknown))
        for layer, of_layer in enumerate(np.split(final, case.layers)[:-1]):
            if of_layer.any():
                return Probe(layer)
        for direction, half in enumerate(np.split(y, case.D, axis=-1)):
            steps = np.flatnonzero(half.any(axis=(1, 2)))
            if steps.size:
                return Probe(case.layers - 1, direction, int(steps[-1] if case.reverse(direction) else steps[0]))
        return None

    def may_be(self, variant: type[Reference]) -> bool:
        """Whether a mistake is in the pass that is wrong, forward or backward."""
        return not has_the_right_forward_pass(variant) if self.forward else issubclass(variant, Gradients)

    def computed(
        self, *variants: type[Reference], budget: Budget | None, against: Compared | None = None
    ) -> Array | None:
        """The result of the mistakes made together.

        Args:
            variants: the mistakes; an earlier one goes first.
            budget: the time limit.
            against: `near` or `as_rounded`, to stop at the first step or final state that is not near enough.

        Returns:
            All numbers; None if the mistakes cannot be computed, or were stopped.

        Raises:
            OutOfTime: the budget is used up.
        """
        if budget is not None:
            budget.use(AROUND)
        self.seen, self.refuted_entirely = None, True
        single = len(variants) == 1
        if single and has_the_right_forward_pass(variants[0]):
            return self._row_of(lambda: self._from_right_forward_pass(variants[0], budget, against))
        kind = Timed if against is None else self._watching(variants)
        after = (Lent,) if kind is Timed and all(map(leaves_scans, variants)) else ()
        variant = together(kind, *variants, *after, keep=single)

        def prepare(made: Reference) -> None:
            assert isinstance(made, Timed)
            made.trial, made.budget, made.against = self, budget, against
            if isinstance(made, Lent):
                made.right = self._right_scans

        return self._row_of(lambda: completed(variant, self.case, self._arrays, prepare))

    def _watching(self, variants: Sequence[type[Reference]]) -> type[Timed]:
        """How the mistakes are watched, as far as what they keep, and what has to be seen of them, allow it."""
        below = self.probe is not None and self.probe.step is None
        # If y is right, a mistake's effect is that on the whole answer, so it is not left at a wrong final state.
        return watching(*variants, finals=self.probe is not None, below=below and len(variants) == 1)

    @cached_property
    def _right_scans(self) -> RightScans:
        right = RightScans(self.case.model_copy(update={"gradients": None, "head": None}))
        right.run(self._arrays)
        return right

    @cached_property
    def below(self) -> list[Target]:
        """What h of the layers below the top one seems to be (`conformance.verdict.below`)."""
        return below(self.case, self.probe, self.taken, self._right_scans, self.precision)

    @cached_property
    def near(self) -> Compared:
        """What a mistake has to be near to, to be the answer though it may be ill-conditioned."""
        return self._compared(NEAR * self.allowed)

    @cached_property
    def as_rounded(self) -> Compared:
        """What a mistake has to be near to if the answer is the mistake's in a coarser format."""
        return self._compared(self._further)

    @cached_property
    def _further(self) -> Array:
        """How near a mistake is at least, (N,), if the answer is the mistake's in a coarser format.

        The answer is then twice as near to the mistake as to the golden values, and within what honest arithmetic of
        some format leaves.
        """
        coarser = [name for name, u in UNIT_ROUNDOFF.items() if u > UNIT_ROUNDOFF[self.precision]]
        most = max((NOISE_ALLOWED[name] * UNIT_ROUNDOFF[name] for name in coarser), default=0.0)
        half = self.wrong / 2.0 * self.allowed if np.isfinite(self.wrong) else np.inf
        found: Array = np.minimum(most / UNIT_ROUNDOFF[self.precision] * self.unit, half)
        return found

    def _compared(self, near: Array) -> Compared:
        """The answer's numbers, and how near a mistake has to be to each, (N,).

        It may be anything where no value is promised, and where the answer is not a number.
        """
        finite = np.isfinite(self.got)
        rows = (np.where(finite, self.got, 0.0), *(np.where(finite, each, np.inf) for each in (near, self._further)))

        def target(name: str, counted: Array | np.bool_ = np.True_) -> Target:
            got, near, further = (self.tensor(row, name) for row in rows)
            return Target(got, np.where(counted, near, np.inf), np.where(counted, further, np.inf))

        y = target("y", self.taken[..., None])
        halves = (np.split(each, self.case.D, axis=-1) for each in (y.got, y.near, y.further))
        reached = np.zeros_like(self.reached) if self._unknown else self.reached
        return Compared(
            [Target(*half) for half in zip(*halves, strict=True)],
            {name: target(name, reached[:, None]) for name in ("h_n", "c_n")},
            {name: target(name) for name in self.shapes if name.startswith("d_")},
        )

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
                return within_range(self.row(self._under_contract(outputs)), self.case.np_dtype)
        except OutOfTime:
            raise
        except Refuted as refuted:
            self.refuted_entirely = refuted.entirely
            return None
        except Exception:  # the mistake is for other cases, or the two cannot be combined: it did not cause the answer
            return None

    def _from_right_forward_pass(
        self, variant: type[Reference], budget: Budget | None, against: Compared | None
    ) -> Outputs:
        """The result of a mistake of the backward pass alone; the forward pass is computed once for all of them."""
        mistaken = (variant if against is None else together(WatchedBackward, variant, keep=True))(self.case)
        assert isinstance(mistaken, Gradients)
        if isinstance(mistaken, WatchedBackward) and against is not None:
            mistaken.budget, mistaken.against = budget, against
        mistaken.tape = self._right[0].tape
        return mistaken.with_gradients(self._arrays, self._right[1])

    @cached_property
    def _right(self) -> tuple[Gradients, Outputs]:
        """The right forward pass with its outputs."""
        right = Gradients(self.case)
        return right, Recorded.run(right, self._arrays)

    def _under_contract(self, outputs: Outputs) -> Outputs:
        """Outputs changed to follow the adapter's contracts, but only where they are right; a mistake's values stay."""
        applied = self._contracts.applied(self.case, outputs)
        if applied is outputs and not self._contracts.unjudged:
            return outputs
        right = {n: self._whole_rows(n, a == self._by_default[n]) for n, a in outputs.items()}
        under = {name: np.where(right[name], applied[name], array) for name, array in outputs.items()}
        for name in ("h_n", "c_n"):  # a row that has ended may hold what is agreed, whatever the mistake has carried on
            kept = np.all(self.tensor(self.got, name) == applied[name], axis=-1, keepdims=True)
            under[name] = np.where(kept, applied[name], under[name])
        return {n: self._contracts.settled(self.case, n, array, self._by_default[n]) for n, array in under.items()}

    def _whole_rows(self, name: str, right: Array) -> Array:
        """Where all of the last axis is right; in y, which has a half for each direction, all of that half."""
        if name != "y":
            found: Array = np.all(right, axis=-1, keepdims=True)
            return found
        width = right.shape[-1] // self.case.D
        halves = right.reshape(*right.shape[:-1], self.case.D, width).all(axis=-1)
        return np.repeat(halves, width, axis=-1)

    def noise_as_computed(self, found: Array, *variants: type[Reference]) -> float:
        """The noise against the mistakes' answer, in the unit of their own rounding where that is larger.

        A mistake may be worse conditioned than the right computation: one that reads padding computes with 1000. A run
        in float32 shows how far rounding moves it.
        """
        variant = together(*variants, keep=False)
        rounded = self._row_of(lambda: completed(variant, self.case, self._exact.in_dtype(np.float32)))
        if rounded is None:
            return math.inf
        moved = error(rounded, found) * (UNIT_ROUNDOFF[self.precision] / UNIT_ROUNDOFF["float32"])
        own = self.largest_of_tensor(np.where(np.isfinite(moved), moved, 0.0))
        return self.noise(self.got, found, np.maximum(self.unit, own))

    def local_errors(self, y: Array) -> Array:
        """How far each step of the top layer is from what follows from the step before in this y: (T, B, D*P)."""
        reference, scans = Reference(self.case), self.judged.top_scans
        ys, allowed = (np.split(each, self.case.D, axis=-1) for each in (y, self.y_allowed))
        with np.errstate(all="ignore"):
            apart = [follow(reference, scan, ys[d], allowed[d]).apart for d, scan in enumerate(scans)]
        return np.concatenate(apart, axis=-1)

    def there(self, row: Array) -> Array:
        """The numbers at the probe, in a row of all numbers."""
        assert self.probe is not None
        return self.probe.of(self.case, self.tensor(row, "y"), self.tensor(row, "h_n"))

    def effect_there(self, found: Array | None) -> Array | None:
        """The difference from the golden answer at the probe; None if it is not known.

        Args:
            found: an answer; None for the one that was just refuted.
        """
        if found is None and self.seen is None:
            return None
        golden = self.there(self.golden)
        with np.errstate(invalid="ignore", over="ignore"):
            effect = (self.seen if found is None else self.there(found)) - golden
        assert self.probe is not None
        if self.probe.step is not None:  # what is computed for a row that leaves the step out is not its y
            effect = np.where(self.taken[self.probe.step][:, None], effect, 0.0)
        return clipped(effect).reshape(-1)

    @property
    def allowed_there(self) -> Array:
        """The largest error at the probe that counts as right, for the elements of `effect_there`."""
        return self.there(self.allowed).reshape(-1)
