"""Where a wrong answer is wrong: the error along the time steps, gate by gate as far as that is known.

y          seen: the noise of y at each step
gates      computed: how far the mistake that reproduces the answer is from the right computation, at each step, for
           the gates i, f, g, o and the states c, h; a framework shows none of these
gradients  seen: the noise of each gate's part of the weights' gradients
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
"""A series has at most so many; of a longer case's steps, neighbours share a point, the largest of them."""
SERIES = ("i", "f", "g", "o", "c", "h")

Series = list[float | str | None]
"""A number a point, in the order of time; None where no row has a step that counts, "inf" for what is infinite."""


def profile(answer: Answer, suspects: Sequence[Suspect] = ()) -> dict[str, Any]:
    """Of a failed answer, ready for JSON; `suspects` is what `diagnose` found.

    every: steps per point. y: direction -> noise. mistake: whose gates they are. layer: the first in which these
    differ. gates: direction -> i, f, g, o, c, h -> the largest absolute difference over rows and units; without a
    direction that has none. gradients: d_W.0, ... -> noise of i, f, g, o. What does not apply is left out.
    """
    answer = answer.under_contracts()
    case, arrays, precision = answer.case, answer.arrays, answer.precision
    outputs, golden, kappa = answer.outputs, answer.golden, answer.kappa
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
        if name.startswith("d_") and name.removeprefix("d_").partition(".")[0] in BY_GATE
        for per_gate in [noise(outputs[name], golden[name], kappa[name], precision)]
    }
    return found | ({"gradients": gradients} if gradients else {})


def _gates(case: Case, arrays: Arrays, mistakes: Sequence[str], counted: Array) -> dict[str, Any]:
    """How the gates of a mistake differ, in the first layer where they do; nothing where they cannot be set beside."""
    variants = [BY_ID[mistake].variant for mistake in mistakes]
    if any(issubclass(variant, Gradients) for variant in variants):
        return {}  # it goes wrong on the way back; the gates are right
    exact = arrays.in_dtype(np.float64)
    wrong, right = _series_of_rows(case, exact, *variants), _series_of_rows(case, exact)
    for layer in range(case.layers):
        rows = range(layer * case.D, (layer + 1) * case.D)
        if any(row not in wrong or not _alike(wrong[row], right[row]) for row in rows):
            return {}
        apart = [{name: error(wrong[row][name], right[row][name]) for name in SERIES} for row in rows]
        gates = {
            _name(case, direction): {name: _series(case, a, counted) for name, a in series.items()}
            for direction, series in enumerate(apart)
            if any(np.any(a[counted] > 0.0) for a in series.values())
        }
        if gates:
            return {"mistake": list(mistakes), "layer": layer, "gates": gates}
    return {}


def _alike(some: Mapping[str, Array], others: Mapping[str, Array]) -> bool:
    return all(some[name].shape == others[name].shape for name in SERIES)


def _series_of_rows(case: Case, arrays: Arrays, *variants: type[Reference]) -> dict[int, dict[str, Array]]:
    """`SERIES` of each layer and direction, (T, B, n) in the order of time; without variants, of the right computation.

    A row is left out where its steps are not the T steps of the case, or differ in shape.
    """
    plain = case.model_copy(update={"gradients": None, "head": None})
    trial: Any = type("Trial", (Recorded, *variants), {})(plain)
    try:
        with np.errstate(all="ignore"):
            trial.run(arrays)
    except Exception:  # a mistake made together with another, or one that is about the head
        return {}
    rows: dict[int, list[Step]] = {}
    for taped in trial.tape:  # several scans of one row are those of a stream's blocks: they go on in time
        rows.setdefault(taped.scan.row, []).extend(taped.steps[t] for t in sorted(taped.steps))
    found = {}
    for row, steps in rows.items():
        named = [_named(step) for step in steps]
        if len(steps) == case.T and all(_alike(each, named[0]) for each in named):
            found[row] = {name: np.stack([each[name] for each in named]) for name in SERIES}
    return found


def _named(step: Step) -> dict[str, Array]:
    """What of a step is shown: gates (B, H) as they are used, and the states after it."""
    return {
        "i": step.i,
        "f": step.f,
        "g": step.gates[G].value,
        "o": step.gates[O].value,
        "c": step.new.c,
        "h": step.new.h,
    }


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
