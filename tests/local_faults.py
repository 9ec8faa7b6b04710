"""Where a wrong computation is wrong, known from its inside: what conformance.verdict.locate has to find from outside.

Every step of the wrong computation is held against the right step from the wrong computation's own state before it, in
every layer, so an error counts where it is made and not where it spreads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.case.where import Pattern, Where
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step
from conformance.lstm.tape import Recorded, Taped
from conformance.verdict.noise import error

AXES = {"direction": 0, "row": 2, "unit": 3}
"""The axes of `Faults.apart` that a statement is held to, beside the layer and the steps."""


@dataclass(frozen=True, eq=False)
class Faults:
    """The first layer that makes an error.

    apart (D, T, B, H): the larger error of h and c, in multiples of what is allowed. With a projection
    (D, T, B, P + H): the errors of h and those of c.
    """

    layer: int
    apart: Array


def faults(case: Case, arrays: Arrays, variant: type[Reference], allowed: float) -> Faults | None:
    """The errors that a variant of the reference makes in its first wrong layer; None if no step is wrong by itself.

    Args:
        case: the case.
        arrays: the inputs, float64.
        variant: the wrong computation.
        allowed: the error that still counts as right, in the unit of h.
    """
    plain = case.model_copy(update={"gradients": None, "head": None})
    kinds = (variant,) if issubclass(variant, Recorded) else (Recorded, variant)
    trial: Any = type("Trial", kinds, {})(plain)
    right = Reference(plain)
    with np.errstate(all="ignore"):
        trial.run(arrays)
        scans: dict[int, list[Taped]] = {}
        for taped in trial.tape:
            scans.setdefault(taped.scan.row, []).append(taped)
        for layer in range(case.layers):
            rows = range(layer * case.D, (layer + 1) * case.D)
            apart = np.stack([_of_row(right, arrays, row, row % case.D, scans) for row in rows]) / allowed
            if (apart > 1.0).any():
                return Faults(layer, apart)
    return None


def _of_row(right: Reference, arrays: Arrays, row: int, direction: int, scans: Mapping[int, list[Taped]]) -> Array:
    case = right.case
    steps: dict[int, Step] = {}
    x = arrays.inputs.x if row < case.D else np.concatenate([each.scan.x for each in scans[row]])
    for taped in scans[row]:  # the blocks of a stream, in time order
        offset = len(steps)
        steps |= {offset + t: step for t, step in taped.steps.items()}
    valid = right.valid(arrays.inputs.x, arrays.inputs)
    weights, act = arrays.weights.rows[row], right.activations(direction)
    from_input = right.input_part(x, weights)
    state = right.initial_state(row, arrays.inputs.x, arrays.inputs)
    apart = np.zeros((case.T, case.B, case.H if case.P is None else case.P + case.H))
    for t in right.order(direction, case.T):
        wanted, made = right.step(act, from_input[t], state, weights).new, steps[t].new
        of_h, of_c = error(made.h, wanted.h), error(made.c, wanted.c)
        off = np.maximum(of_h, of_c) if case.P is None else np.concatenate([of_h, of_c], axis=-1)
        now = np.ones((case.B, 1), dtype=bool) if valid is None else valid[t][:, None]
        apart[t] = np.where(now, off, 0.0)
        state = State(np.where(now, made.h, state.h), np.where(now, made.c, state.c))
    return apart


def problems(where: Where, found: Faults, case: Case, sure: float = 64.0) -> list[str]:
    """What a statement gets wrong: where it leaves out what is surely wrong, or has what is not wrong at all.

    Args:
        where: the statement.
        found: the truth.
        case: the case.
        sure: the multiple of what is allowed from which an error must be seen.
    """
    if where.stage != "step":
        return [f"says {where.stage}"]
    axes, told = dict(where.axes), []
    if "layer" in axes and axes["layer"].wrong != [found.layer]:
        return [f"says layer {axes['layer'].wrong}, is {found.layer}"]
    for noun, axis in AXES.items():
        if noun in axes and (noun != "unit" or case.P is None):
            told += _axis(noun, axes[noun], found.apart, axis, sure)
    if "step" in axes and where.later:
        told += _axis("step", axes["step"], found.apart, 1, sure)
    return told


def _axis(noun: str, pattern: Pattern, apart: Array, axis: int, sure: float) -> list[str]:
    worst = apart.max(axis=tuple(n for n in range(apart.ndim) if n != axis))
    must, may = set(np.flatnonzero(worst > sure).tolist()), set(np.flatnonzero(worst > 1e-3).tolist())
    said = set(may) if pattern.kind == "all" else None if pattern.wrong is None else set(pattern.wrong)
    if said is None or must <= said <= may:
        return []
    return [f"says {pattern.words(noun)}, is {sorted(may)}, surely {sorted(must)}"]
