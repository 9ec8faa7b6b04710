"""The records that the reference passes on: the inputs of a scan and the results of one of its time steps.

The tape, the profile and the diagnosis inspect a computation through them (`Reference.observe`). They are never
modified; those created at every step are not frozen only because that would triple the cost of creating one.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.case.options import Activations
from conformance.case.tensors import Array, LayerWeights

I, F, G, O = range(4)
"""The index of each gate on the axis of 4: input, forget, cell candidate, output."""
PEEPHOLES = {I: 0, F: 1, O: 2}
"""The index of each gate's peephole on the axis of 3."""


@dataclass(slots=True, eq=False)
class State:
    """h (B, P) and c (B, H)."""

    h: Array
    c: Array


@dataclass(frozen=True, eq=False)
class Scan:
    """One layer in one direction, with its inputs.

    row: layer * D + direction. x (T, B, I_l). start: the state before the first step. valid (T, B): whether a step
    counts for a batch row; None if all do.
    """

    row: int
    direction: int
    x: Array
    weights: LayerWeights
    start: State
    valid: Array | None


@dataclass(slots=True, eq=False)
class Gate:
    """One gate of one step, each (B, H).

    z: W x + R h with biases and peephole. unclipped: the input of the clip. argument, value: those of the activation.
    """

    z: Array
    unclipped: Array
    argument: Array
    value: Array


@dataclass(slots=True, eq=False)
class Step:
    """One time step of one layer in one direction.

    old, new: the states before and after it. gates: i, f, g, o. i, f: as used, that is, after a coupling. summed:
    f c_{t-1} + i g. shown: the argument of Hh. hh: Hh(c). m: o Hh(c). unbounded: h before its clip.
    """

    act: Activations
    old: State
    new: State
    gates: tuple[Gate, Gate, Gate, Gate]
    i: Array
    f: Array
    summed: Array
    shown: Array
    hh: Array
    m: Array
    unbounded: Array
