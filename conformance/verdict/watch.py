"""Watches a mistake while it is computed: stops at the first number that the wrong answer does not have.

Most mistakes are refuted by their first step, so long cases stay cheap. What a mistake does at the place where the
answer is first wrong, the probe, is kept: two mistakes that together give the answer add up to its error there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import EllipsisType
from typing import Protocol

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.cell_gradients import Parts
from conformance.lstm.gradients import Gradients, has_the_right_forward_pass
from conformance.lstm.mistakes.base import kept, replaced
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State, Step

NEAR = 100.0
"""The largest distance, in multiples of what is allowed, between an answer and an ill-conditioned mistake."""


_STEP, _PRODUCT = 4e-5, 1e-10
"""Seconds that a step takes, and each of its products in addition."""
AROUND, BACK = 4, 2
"""How many steps take as long as what is around the steps of a computation, and as a step of the backward pass."""


class OutOfTime(Exception):
    """The time limit of a diagnosis is exceeded."""


class Refuted(Exception):
    """The computation differs from the answer, so the rest of it is not needed.

    entirely: by so much that the answer is not that of the computation in a coarser format either.
    """

    def __init__(self, *, entirely: bool) -> None:
        super().__init__()
        self.entirely = entirely


class Budget:
    """A limit on the steps that a diagnosis computes, so that the same answer has the same names on every machine.

    It is given in seconds of one core of a machine of 2024; what a step takes is estimated from its sizes.
    """

    def __init__(self, case: Case, seconds: float) -> None:
        products = 4 * case.B * case.H * (case.H + case.I)
        self._step = _STEP + products * _PRODUCT
        self._left = seconds

    def use(self, steps: int = 1) -> None:
        """Count steps that are about to be computed, or have been.

        Raises:
            OutOfTime: there were more than the limit allows.
        """
        self._left -= steps * self._step
        if self._left < 0.0:
            raise OutOfTime


@dataclass(frozen=True)
class Probe:
    """Where an answer is first wrong: h of the top layer at a step of a direction, or the final h of a lower layer."""

    layer: int
    direction: int = 0
    step: int | None = None

    def of(self, case: Case, y: Array, h_n: Array) -> Array:
        """The numbers of an answer there."""
        if self.step is None:
            return h_n[self.layer * case.D : (self.layer + 1) * case.D]
        P = case.output_size
        found: Array = y[self.step, :, self.direction * P : (self.direction + 1) * P]
        return found


@dataclass(frozen=True, eq=False)
class Target:
    """Numbers of an answer, all of one shape: got, with how near to them a mistake has to be.

    near: to be the answer; infinity where it may be anything. further: for the answer to be the mistake's in a coarser
    format.
    """

    got: Array
    near: Array
    further: Array

    def hold(self, found: Array, at: int | EllipsisType = ..., counted: Array | None = None) -> None:
        """Compare what a mistake gives there, where it is `counted`.

        Raises:
            Refuted: it is not near enough.
        """
        off = np.abs(found - self.got[at])
        away = off > self.near[at]
        if (away if counted is None else away & counted).any():
            beyond = off > self.further[at]
            raise Refuted(entirely=bool((beyond if counted is None else beyond & counted).any()))


@dataclass(frozen=True, eq=False)
class Compared:
    """What a mistake is compared with while it is computed.

    steps: y (T, B, P) of each direction. finals: h_n and c_n, (L*D, B, ...). gradients: d_x, d_W.0, and so on; none if
    the forward pass is wrong.
    """

    steps: list[Target]
    finals: dict[str, Target]
    gradients: dict[str, Target]


class Watching(Protocol):
    """What a watched computation belongs to.

    probe: where it is looked at. seen: receives its numbers there. below: as in `Trial.below`.
    """

    case: Case
    probe: Probe | None
    seen: Array | None

    @property
    def below(self) -> list[Target]:
        """What is known of the layers below the top one."""


class Timed(Reference):
    """A mixin for a mistake: stops when the budget is used up. Its attributes are set before it computes."""

    trial: Watching
    budget: Budget | None
    against: Compared | None

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Counts the step."""
        if self.budget is not None:
            self.budget.use()
        super().observe(given, t, step)


class WatchedSteps(Timed):
    """A mixin for a mistake that keeps y: stops at the first step that is not the answer's, as far as it is known."""

    begins: int = 0

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Checks that h of the top layer is the answer's y, and of a lower layer what seems right of it.

        What a deviation names, which has no limit, is held to the answer alone.
        """
        super().observe(given, t, step)
        layer = given.row // self.case.D
        at, valid = self.begins + t, given.valid
        if layer != self.case.layers - 1:
            if self.budget is not None and self.trial.below:
                self.trial.below[given.row].hold(step.new.h, at, None if valid is None else valid[t][:, None])
            return
        to_come = self._sees(layer, given.direction, at, step.new.h)
        assert self.against is not None
        try:
            self.against.steps[given.direction].hold(step.new.h, at, None if valid is None else valid[t][:, None])
        except Refuted:
            if not to_come:
                raise

    def _sees(self, layer: int, direction: int, at: int, h: Array) -> bool:
        """Keep h if it is that of the probe; whether the probe is a step that the mistake takes in another order."""
        probe = self.trial.probe
        if probe is None or probe.step is None or (probe.layer, probe.direction) != (layer, direction):
            return False
        if probe.step == at:
            self.trial.seen = h
        right = probe.step < at if self.trial.case.reverse(direction) else at < probe.step
        return self.trial.seen is None and not right


class Watched(WatchedSteps):
    """A mixin for a mistake that keeps y and final states: stops at the first of either that is not the answer's."""

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        """The layer, if its final states are the answer's."""
        y, finals = super().layer(layer, x, weights, inputs)
        if self.trial.probe == Probe(layer):
            self.trial.seen = np.stack([state.h for state in finals])
        assert self.against is not None
        for row, state in enumerate(finals, layer * self.case.D):
            self.against.finals["h_n"].hold(state.h, row)
            self.against.finals["c_n"].hold(state.c, row)
        return y, finals


class WatchedBackward(Gradients):
    """A mixin for a mistake of the backward pass: stops at the first gradient that is not the answer's.

    budget, against: as in `Timed`. times: the steps of the scan that are still to come, if their dL/dx are outputs.
    """

    budget: Budget | None
    against: Compared
    times: Iterator[int] | None = None

    def layer_back(
        self, layer: int, dy: Array, dh_n: Array, dc_n: Array, starts: dict[int, State], found: Outputs
    ) -> Array:
        """The layer, if the gradients of its weights are the answer's, and those of the head."""
        if self.case.layers * self.case.D == 1 and not _PAST_STEPS & replaced(type(self), Gradients):
            self.times = reversed(list(self.tape[0].steps))
        dx = super().layer_back(layer, dy, dh_n, dc_n, starts, found)
        for name, gradient in found.items():
            self.against.gradients[name].hold(gradient)
        return dx

    def step_back(self, step: Step, d: State, weights: LayerWeights) -> tuple[State, Parts]:
        """The step, if its dL/dx is the answer's."""
        if self.budget is not None:
            self.budget.use(BACK)
        before, parts = super().step_back(step, d, weights)
        if self.times is not None:
            self.against.gradients["d_x"].hold(self.input_back(parts["z"][None], weights)[0], next(self.times))
        return before, parts


_PAST_STEPS = {"gradients", "with_gradients", "scan_back", "dx_of"}
"""The methods that determine which step's dL/dx becomes which part of d_x."""


def watchable(variant: type[Reference]) -> bool:
    """Whether a mistake can be compared with an answer while it is computed."""
    return "y" in kept(variant) or has_the_right_forward_pass(variant)


def watching(*variants: type[Reference], finals: bool, below: bool) -> type[Timed]:
    """The mixin with which mistakes made together are watched, as far as they keep what is compared.

    Args:
        variants: the mistakes.
        finals: whether to compare final states, too.
        below: whether the probe, in a final state, has to be seen; without it, the mistakes are not refuted.
    """
    keep = frozenset.intersection(*map(kept, variants))
    if "y" in keep and finals and "finals" in keep:
        return Watched
    return WatchedSteps if "y" in keep and not below else Timed


_KEPT: dict[tuple[type[Reference], ...], type[Reference]] = {}


def together(*variants: type[Reference], keep: bool) -> type[Reference]:
    """A class with all of these mistakes and mixins; an earlier one goes first.

    Args:
        variants: the mistakes and mixins.
        keep: whether it will be needed again. A new class costs as much as two steps computed with it, because Python
            finds none of its methods quickly; but there are too many pairs to keep them all.
    """
    found = _KEPT.get(variants) or type("Together", variants, {})
    if keep:
        _KEPT[variants] = found
    return found
