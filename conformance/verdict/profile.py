"""Where a wrong answer is wrong: the error along the time steps, gate by gate as far as that is known.

y          seen: the noise of y at each step
gates      computed: how far the mistake that reproduces the answer is from the right computation, at each step, for
           the gates i, f, g, o and the states c, h; a framework shows none of these
gradients  seen: the noise of each gate's part of the weights' gradients
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.outcomes import Suspect
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.gradients import Gradients
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference, State
from conformance.verdict.contracts import DEFAULTS, Contracts
from conformance.verdict.noise import error, noise

POINTS = 200
"""A series has at most so many; of a longer case's steps, neighbours share a point, the largest of them."""
SERIES = ("i", "f", "g", "o", "c", "h")
_BY_GATE = ("W", "R", "b_w", "b_r")

Series = list[float | str | None]
"""A number a point, in the order of time; None where no row has a step that counts, "inf" for what is infinite."""


def profile(
    case: Case,
    arrays: Arrays,
    outputs: Mapping[str, Array],
    golden: Outputs,
    kappa: Outputs,
    *,
    precision: str,
    contracts: Contracts = DEFAULTS,
    suspects: Sequence[Suspect] = (),
) -> dict[str, Any]:
    """Of a failed answer, ready for JSON; the arguments are those of `diagnose`, `suspects` what it found.

    every: steps a point. y: direction -> noise. mistake: whose gates they are. layer: the first in which these differ.
    gates: direction -> i, f, g, o, c, h -> the largest absolute difference over rows and units; without a direction
    that has none.
    gradients: d_W.0, ... -> noise of i, f, g, o. What does not apply is left out.
    """
    golden, kappa = contracts.applied(case, dict(golden)), contracts.applied(case, dict(kappa))
    valid = Reference(case).valid(arrays.inputs.x, arrays.inputs)
    counted = np.ones((case.T, case.B), dtype=bool) if valid is None else valid
    of_y = noise(outputs["y"], golden["y"], kappa["y"], precision)
    halves = np.split(of_y, case.D, axis=-1)
    # Where padding of y is wrong, that is an error of y like any other.
    seen = [counted | np.any(half > 0.0, axis=-1) for half in halves]
    found: dict[str, Any] = {
        "every": _every(case),
        "y": {_name(case, d): _series(case, half, seen[d]) for d, half in enumerate(halves)},
    }
    first = next((s for s in suspects if s.how == "reproduces"), None)
    if first is not None:
        found |= _gates(case, arrays, first.mistakes, counted)
    gradients = {
        name: [_number(value) for value in np.max(per_gate.reshape(4, -1), axis=1)]
        for name in case.outputs
        if name.startswith("d_") and name.removeprefix("d_").partition(".")[0] in _BY_GATE
        for per_gate in [noise(outputs[name], golden[name], kappa[name], precision)]
    }
    return found | ({"gradients": gradients} if gradients else {})


def _gates(case: Case, arrays: Arrays, mistakes: Sequence[str], counted: Array) -> dict[str, Any]:
    """How the gates of a mistake differ, in the first layer where they do; nothing where they cannot be set beside."""
    variants = [BY_ID[mistake].variant for mistake in mistakes]
    if any(issubclass(variant, Gradients) for variant in variants):
        return {}  # it goes wrong on the way back; the gates are right
    exact = arrays.in_dtype(np.float64)
    wrong, right = _recorded(case, exact, *variants), _recorded(case, exact)
    for layer in range(case.layers):
        rows = [(layer, direction) for direction in range(case.D)]
        pairs = [(wrong.get(row), right[row]) for row in rows]
        if any(steps is None or not _alike(steps, others) for steps, others in pairs):
            return {}
        apart = {
            _name(case, direction): {
                name: error(np.stack([step[name] for step in steps]), np.stack([step[name] for step in others]))
                for name in SERIES
            }
            for (_, direction), (steps, others) in zip(rows, pairs, strict=True)
            if steps is not None
        }
        gates = {
            direction: {name: _series(case, a, counted) for name, a in series.items()}
            for direction, series in apart.items()
            if any(np.any(a[counted] > 0.0) for a in series.values())
        }
        if gates:
            return {"mistake": list(mistakes), "layer": layer, "gates": gates}
    return {}


_Steps = list[dict[str, Array]]
"""The arrays of `SERIES` at each time step, (B, H) each and h (B, P)."""


def _alike(some: _Steps, others: _Steps) -> bool:
    """Whether the two have the same steps, with arrays of the same shapes."""
    shapes = [[{name: array.shape for name, array in step.items()} for step in steps] for steps in (some, others)]
    return shapes[0] == shapes[1]


def _recorded(case: Case, arrays: Arrays, *variants: type[Reference]) -> dict[tuple[int, int], _Steps]:
    """The steps of each layer and direction, in the order of time; without variants, of the right computation."""
    plain = case.model_copy(update={"gradients": None, "head": None})
    recorder: Any = type("Trial", (_Recorder, *(variants or (Reference,))), {})(plain)
    try:
        with np.errstate(all="ignore"):
            recorder.run(arrays)
    except Exception:  # a mistake made together with another, or one that is about the head
        return {}
    rows: dict[tuple[int, int], _Steps] = {}
    for row, steps in recorder.steps.items():
        if sorted(steps) == list(range(case.T)):
            rows[row] = [steps[t] for t in range(case.T)]
    return rows


class _Recorder(Reference):
    """Mixed into a mistake: keeps the gates and states of each step."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.steps: dict[tuple[int, int], dict[int, dict[str, Array]]] = {}
        self._layer = 0
        self._before = 0
        self._order: Iterator[int] = iter(())
        self._now: dict[str, Array] = {}

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self._layer = layer
        return super().layer(layer, x, weights, inputs)

    def scan(
        self, direction: int, x: Array, weights: LayerWeights, state: State, valid: Array | None
    ) -> tuple[Array, State]:
        # Several scans of one direction are those of a stream's parts: they go on in time.
        self._before = len(self.steps.setdefault((self._layer, direction), {}))
        return super().scan(direction, x, weights, state, valid)

    def order(self, direction: int, steps: int) -> Sequence[int]:
        order = super().order(direction, steps)
        self._order = iter(order)
        return order

    def step(self, direction: int, from_input: Array, old: State, weights: LayerWeights) -> State:
        self._now = {}
        new = super().step(direction, from_input, old, weights)
        at = self._before + next(self._order)
        self.steps[self._layer, direction][at] = self._now | {"c": new.c, "h": new.h}
        return new

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        self._now |= {"i": i, "f": f, "g": g}
        return super().cell(i, f, g, old_c)

    def output(self, act: Activations, o: Array, c: Array) -> Array:
        self._now["o"] = o
        return super().output(act, o, c)


def _name(case: Case, direction: int) -> str:
    return "reverse" if case.reverse(direction) else "forward"


def _every(case: Case) -> int:
    return -(-case.T // POINTS)


def _series(case: Case, values: Array, counted: Array) -> Series:
    """The largest of (T, B, n) values at each point, of the rows (T, B) that count."""
    every = _every(case)
    largest = np.where(counted[..., None], values, -1.0).reshape(case.T, -1).max(axis=1, initial=-1.0)
    pooled = [largest[t : t + every].max() for t in range(0, case.T, every)]
    return [None if value < 0.0 else _number(value) for value in pooled]


def _number(value: float) -> float | str:
    return "inf" if np.isinf(value) else float(f"{value:.3g}")
