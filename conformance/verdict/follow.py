"""Teacher forcing: each step of a layer recomputed from the h that the answer itself has for the step before.

An error in a step spreads to all units of the next one through R h. If every step is given the answer's own h, it does
not: what is wrong then is wrong by itself. c is not among the outputs, so it is either

    carried      from step to step by the reference, along the answer's h; an error of c then stays in its unit
    recovered    where h is wrong, the c that gives this h if the output gate is right, so that it stays in its step
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays
from conformance.lstm.reference import Reference
from conformance.lstm.slopes import slope
from conformance.lstm.step import O, Scan, State, Step
from conformance.verdict.noise import error

_Inverse = Callable[[Array, float, float], Array]
INVERSES: dict[str, _Inverse] = {
    "tanh": lambda v, alpha, beta: np.arctanh(v),
    "scaled_tanh": lambda v, alpha, beta: np.arctanh(v / alpha) / beta,
    "sigmoid": lambda v, alpha, beta: np.log(v / (1.0 - v)),
    "softsign": lambda v, alpha, beta: v / (1.0 - np.abs(v)),
    "affine": lambda v, alpha, beta: (v - beta) / alpha,
    "linear": lambda v, alpha, beta: v,
}
"""The inverses of activations that have one; NaN or infinite outside of their range."""

MOST = 256
"""The most steps in which c is recovered; patterns show in fewer."""
_UNKNOWN = 1e3
"""A step is not judged if its h is this many times less certain than what is allowed."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A scan along an answer.

    apart (T, B, P): how far h is from what follows from the step before; 0 where a row leaves the step out.
    wrong (T, B, P): the steps where that is more than is allowed. judged (T, B, P): whether c before the step
    is known well enough to say so. c (B, H): the cell state after the last step. before: the state before each step.
    """

    apart: Array
    wrong: Array
    judged: Array
    c: Array
    before: Mapping[int, State]


def recoverable(reference: Reference, direction: int) -> bool:
    """Whether c can be recovered from h: with a projection, a clip or an output peephole in between, it cannot."""
    case = reference.case
    clipped = case.gate_clip is not None and case.gate_clip.reading == "all"
    return case.P is None and not case.peephole and not clipped and _hidden(reference, direction).name in INVERSES


def top_scans(reference: Reference, arrays: Arrays) -> list[Scan]:
    """The scans of the top layer, one for each direction, with the reference's y of the layer below as their input."""
    case, x = reference.case, arrays.inputs.x
    for layer in range(case.layers - 1):
        x, _ = reference.layer(layer, x, arrays.weights, arrays.inputs)
    valid = reference.valid(x, arrays.inputs)
    rows = range((case.layers - 1) * case.D, case.layers * case.D)
    starts = [reference.initial_state(row, x, arrays.inputs) for row in rows]
    return [Scan(row, d, x, arrays.weights.rows[row], starts[d], valid) for d, row in enumerate(rows)]


def follow(
    reference: Reference, given: Scan, y: Array, allowed: Array, *, recovering: Followed | None = None
) -> Followed:
    """The steps of a scan, each from the answer's own h.

    Args:
        reference: computes the steps.
        given: the layer's input, weights and initial state, in float64.
        y, allowed: (T, B, P), the answer's y and the largest error that counts as right.
        recovering: the same steps with c carried. If it is given, c is recovered where h is wrong, in the first `MOST`
            steps from the first wrong one on; only if it is `recoverable`.
    """
    order, recover = list(reference.order(given.direction, y.shape[0])), recovering is not None
    act, from_input = reference.activations(given.direction), reference.input_part(given.x, given.weights)
    state, slack = given.start, np.zeros(given.start.c.shape)
    apart, wrong, judged = np.zeros(y.shape), np.zeros(y.shape, dtype=bool), np.zeros(y.shape, dtype=bool)
    before: dict[int, State] = {}
    if recovering is not None:
        start = next((n for n, t in enumerate(order) if recovering.wrong[t].any()), 0)
        judged[order[:start]] = recovering.judged[order[:start]]
        order = order[start : start + MOST]
        state = recovering.before[order[0]]
    for t in order:
        before[t] = state
        step = reference.step(act, from_input[t], state, given.weights)
        now = True if given.valid is None else given.valid[t][:, None]
        unsure = np.abs(step.f) * slack  # of c, from the c recovered before it; f may be negative
        room = _of_h(step, unsure) if recover else np.zeros(1)
        judged[t] = (room < _UNKNOWN * allowed[t]) & now
        apart[t] = np.where(now, error(step.new.h, y[t]), 0.0)
        wrong[t] = (apart[t] > allowed[t] + room) & judged[t]
        c = step.new.c
        if recover:
            c, unsure = _recovered(step, y[t], allowed[t], wrong[t], unsure)
        state = State(np.where(now, y[t], state.h), np.where(now, c, state.c))
        slack = np.where(now, unsure, slack)
    return Followed(apart, wrong, judged, state.c, before)


def _hidden(reference: Reference, direction: int) -> Activation:
    return reference.activations(direction).hidden


def _of_h(step: Step, unsure: Array) -> Array:
    """The uncertainty of h that an uncertainty of c means."""
    found: Array = np.abs(step.gates[O].value * slope(step.act.hidden, step.shown, step.hh)) * unsure
    return np.where(np.isnan(found), np.inf, found)  # a saturated activation of a c that is not known


def _recovered(step: Step, h: Array, allowed: Array, wrong: Array, unsure: Array) -> tuple[Array, Array]:
    """c with the value that gives h where h is wrong, and the uncertainty of c."""
    hidden = step.act.hidden
    value = h / step.gates[O].value
    c = INVERSES[hidden.name](value, hidden.alpha or 0.0, hidden.beta or 0.0)
    of_c = np.abs(allowed / (step.gates[O].value * slope(hidden, c, value)))
    there = wrong & np.isfinite(c) & np.isfinite(of_c)
    # A value at the end of the activation's range is that of any large c; one beyond it is not that of another c.
    saturated = wrong & ~there & (np.abs(np.abs(value) - 1.0) < 1e-3)
    unknown = np.where(saturated, np.inf, unsure)
    return np.where(there, c, step.new.c), np.where(there, of_c, unknown)
