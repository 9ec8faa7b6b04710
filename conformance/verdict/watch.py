"""Watches a mistake while it is computed: stops at the first number that the wrong answer does not have.

Most mistakes are refuted by their first step, so long cases stay cheap. What a mistake does at the place where the
answer is first wrong, the probe, is kept: two mistakes that together give the answer add up to its error there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights
from conformance.lstm.gradients import Gradients
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State, Step

NEAR = 100.0
"""The largest distance, in multiples of what is allowed, between an answer and an ill-conditioned mistake."""


class OutOfTime(Exception):
    """The time limit of a diagnosis is exceeded."""


class Refuted(Exception):
    """The computation differs from the answer, so the rest of it is not needed."""


class Budget:
    """A limit on this thread's processor time, in seconds; other adapters running in parallel do not use it up."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds
        self._checks = 0

    def check(self) -> None:
        """Raise OutOfTime if the limit is exceeded; the time is read at every 16th step only, as that takes a while."""
        self._checks += 1
        if self._checks % 16 == 0 and time.thread_time() > self._end:
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


class Watching(Protocol):
    """What a watched computation is compared with.

    watched_y: for each direction, the answer's y and how near a mistake's has to be: infinity at steps that do not
    count, because what y holds there is a matter of contracts. watched_finals: the same of h_n and c_n; there, rows
    without a step in the last block do not count. seen: receives the numbers of the computation at the probe.
    """

    watched_y: list[tuple[Array, Array]]
    watched_finals: dict[str, tuple[Array, Array]]

    @property
    def watched_gradients(self) -> dict[str, tuple[Array, Array]]:
        """The same of the gradients."""
        ...

    probe: Probe | None
    seen: Array | None


_ORDER = ("run", "layer", "scan", "joined", "left_out")
"""The methods that determine which h becomes which y."""


def keeps_the_order(*variants: type[Reference]) -> bool:
    """Whether the h of each step is the y of that step, as it is in the reference."""
    return all(getattr(variant, name) is getattr(Reference, name) for variant in variants for name in _ORDER)


class Timed(Reference):
    """A mixin for a mistake: stops when the budget is used up."""

    trial: Watching
    budget: Budget | None

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Checks the budget."""
        if self.budget is not None:
            self.budget.check()
        super().observe(given, t, step)


class Watched(Timed):
    """A mixin for a mistake: stops at the first step or final state that is not the answer's."""

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        """The layer, if its final states are the answer's."""
        y, finals = super().layer(layer, x, weights, inputs)
        if self.trial.probe == Probe(layer):
            self.trial.seen = np.stack([state.h for state in finals])
        for direction, state in enumerate(finals):
            for name, found in (("h_n", state.h), ("c_n", state.c)):
                got, near = (each[layer * self.case.D + direction] for each in self.trial.watched_finals[name])
                if (np.abs(found - got) > near).any():
                    raise Refuted
        return y, finals

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Checks that h of the top layer is the answer's y."""
        super().observe(given, t, step)
        layer = given.row // self.case.D
        if layer != self.case.layers - 1:
            return
        probe = self.trial.probe
        if probe is not None and (probe.layer, probe.direction, probe.step) == (layer, given.direction, t):
            self.trial.seen = step.new.h
        got, near = self.trial.watched_y[given.direction]
        away = np.abs(step.new.h - got[t]) > near[t]
        if (away if given.valid is None else away & given.valid[t][:, None]).any():
            raise Refuted


class WatchedBackward(Gradients):
    """A mixin for a mistake of the backward pass: stops at the first layer whose gradients are not the answer's."""

    trial: Watching

    def layer_back(
        self, layer: int, dy: Array, dh_n: Array, dc_n: Array, starts: dict[int, State], found: Outputs
    ) -> Array:
        """The layer, if the gradients of its weights are the answer's, and those of the head."""
        dx = super().layer_back(layer, dy, dh_n, dc_n, starts, found)
        for name, gradient in found.items():
            got, near = self.trial.watched_gradients[name]
            if (np.abs(gradient - got) > near).any():
                raise Refuted
        return dx
