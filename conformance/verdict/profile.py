"""The profile of a wrong answer: its error at each time step, and for each gate as far as that is known.

y          observed: the noise of y at each step
gates      computed: the difference at each step between the mistake that reproduces the answer and the right
           computation, for the gates i, f, g, o and the states c, h, which frameworks do not return
gradients  observed: the noise of each gate's part of the weight gradients
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.outcomes import Suspect
from conformance.case.tensors import BY_GATE, Array, Arrays
from conformance.lstm.gradients import Gradients
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference
from conformance.lstm.step import G, O, Step
from conformance.lstm.tape import Recorded
from conformance.verdict.answer import Answer
from conformance.verdict.noise import error, noise

POINTS = 200
"""The most points in a series; in a longer case, neighbouring steps share a point, which has their largest value."""
SERIES = ("i", "f", "g", "o", "c", "h")

Series = list[float | str | None]
"""One number per point, in time order; None where no row has a valid step, "inf" for an infinite value."""


def profile(answer: Answer, suspects: Sequence[Suspect] = ()) -> dict[str, Any]:
    """The profile of a failed answer, ready for JSON; `suspects` is the result of `diagnose`.

    every: steps per point. y: direction -> noise. mistake: the ids of the mistakes whose gates are compared. layer: the
    first layer in which the gates differ. gates: direction -> i, f, g, o, c, h -> the largest absolute difference over
    rows and units; only directions with a difference. gradients: d_W.0, ... -> noise of i, f, g, o. Keys that do not
    apply are left out.
    """
    answer = answer.under_contracts()
    case, arrays, precision = answer.case, answer.arrays, answer.precision
    outputs, golden, kappa = answer.outputs, answer.golden, answer.kappa
    valid = Reference(case).valid(arrays.inputs.x, arrays.inputs)
    counted = np.ones((case.T, case.B), dtype=bool) if valid is None else valid
    of_y = noise(outputs["y"], golden["y"], kappa["y"], precision)
    halves = np.split(of_y, case.D, axis=-1)
    # A wrong y in padding is an error of y like any other.
    seen = [counted | np.any(half > 0.0, axis=-1) for half in halves]
    found: dict[str, Any] = {
        "every": _every(case),
        "y": {_direction_name(case, d): _series(case, half, seen[d]) for d, half in enumerate(halves)},
    }
    first = next((s for s in suspects if s.how == "reproduces"), None)
    if first is not None:
        found |= _gates(case, arrays, first.mistakes, counted)
    gradients = {
        name: [_number(value) for value in np.max(per_gate.reshape(4, -1), axis=1)]
        for name in case.outputs
        if name.startswith("d_") and name.removeprefix("d_").partition(".")[0] in BY_GATE
        for per_gate in [noise(outputs[name], golden[name], kappa[name], precision)]
    }
    return found | ({"gradients": gradients} if gradients else {})


def _gates(case: Case, arrays: Arrays, mistakes: Sequence[str], counted: Array) -> dict[str, Any]:
    """The difference of a mistake's gates, in the first layer that has one; empty if they cannot be compared."""
    variants = [BY_ID[mistake].variant for mistake in mistakes]
    if any(issubclass(variant, Gradients) for variant in variants):
        return {}  # the mistake is in the backward pass; the gates are right
    exact = arrays.in_dtype(np.float64)
    wrong, right = _series_of_rows(case, exact, *variants), _series_of_rows(case, exact)
    for layer in range(case.layers):
        rows = range(layer * case.D, (layer + 1) * case.D)
        if any(row not in wrong or not _same_shapes(wrong[row], right[row]) for row in rows):
            return {}
        apart = [{name: error(wrong[row][name], right[row][name]) for name in SERIES} for row in rows]
        gates = {
            _direction_name(case, direction): {name: _series(case, a, counted) for name, a in series.items()}
            for direction, series in enumerate(apart)
            if any(np.any(a[counted] > 0.0) for a in series.values())
        }
        if gates:
            return {"mistake": list(mistakes), "layer": layer, "gates": gates}
    return {}


def _same_shapes(some: Mapping[str, Array], others: Mapping[str, Array]) -> bool:
    return all(some[name].shape == others[name].shape for name in SERIES)


def _series_of_rows(case: Case, arrays: Arrays, *variants: type[Reference]) -> dict[int, dict[str, Array]]:
    """`SERIES` of each layer and direction, (T, B, n) in time order; without variants, of the right computation.

    A row is left out if its steps are not the T steps of the case, or differ in shape.
    """
    plain = case.model_copy(update={"gradients": None, "head": None})
    trial: Any = type("Trial", (Recorded, *variants), {})(plain)
    try:
        with np.errstate(all="ignore"):
            trial.run(arrays)
    except Exception:  # mistakes that cannot be combined, or one that needs the head
        return {}
    rows: dict[int, list[Step]] = {}
    for taped in trial.tape:  # several scans of one row are the blocks of a stream, in time order
        rows.setdefault(taped.scan.row, []).extend(taped.steps[t] for t in sorted(taped.steps))
    found = {}
    for row, steps in rows.items():
        named = [_values(step) for step in steps]
        if len(steps) == case.T and all(_same_shapes(each, named[0]) for each in named):
            found[row] = {name: np.stack([each[name] for each in named]) for name in SERIES}
    return found


def _values(step: Step) -> dict[str, Array]:
    """The values of `SERIES` at a step: gates (B, H) as used, and the states after it."""
    return {
        "i": step.i,
        "f": step.f,
        "g": step.gates[G].value,
        "o": step.gates[O].value,
        "c": step.new.c,
        "h": step.new.h,
    }


def _direction_name(case: Case, direction: int) -> str:
    return "reverse" if case.reverse(direction) else "forward"


def _every(case: Case) -> int:
    return -(-case.T // POINTS)


def _series(case: Case, values: Array, counted: Array) -> Series:
    """The largest of the values (T, B, n) at each point, over the steps of rows that are `counted` (T, B)."""
    every = _every(case)
    largest = np.where(counted[..., None], values, -1.0).reshape(case.T, -1).max(axis=1, initial=-1.0)
    pooled = [largest[t : t + every].max() for t in range(0, case.T, every)]
    return [None if value < 0.0 else _number(value) for value in pooled]


def _number(value: float) -> float | str:
    return "inf" if np.isinf(value) else float(f"{value:.3g}")
