"""The reference's forward pass, all that its gradients need kept: the tape that conformance.lstm.gradients reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs
from conformance.lstm.reference import F, G, I, O, Reference, State


@dataclass(frozen=True)
class Gate:
    """One gate of one step, each (B, H).

    z: W x + R h with biases and peephole. unclipped: what the clip is given. argument, value: those of the activation.
    """

    z: Array
    unclipped: Array
    argument: Array
    value: Array


@dataclass(frozen=True, eq=False)
class Step:
    """The numbers of one time step that its gradient needs.

    i, f: as they are used, after a coupling. summed: f c_{t-1} + i g. shown: the argument of Hh. m: o Hh(c).
    unbounded: h before its clip.
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


@dataclass(frozen=True)
class Scan:
    """One layer in one direction as it was computed; `steps` in the order in which they were taken."""

    row: int
    x: Array
    weights: LayerWeights
    valid: Array | None
    steps: list[Step] = field(default_factory=list)


class Recorded(Reference):
    """The LSTM of one case; `tape` has a scan for each layer and direction, in the order of rows."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.tape: list[Scan] = []

    def run(self, arrays: Arrays) -> Outputs:
        """The reference's outputs; the tape is that of this run."""
        self.tape.clear()
        return super().run(arrays)

    def scan(
        self, direction: int, x: Array, weights: LayerWeights, state: State, valid: Array | None
    ) -> tuple[Array, State]:
        """The reference's scan, on tape."""
        x = x if valid is None else self.put_away(x, valid)
        self.tape.append(Scan(len(self.tape), x, weights, valid))
        return super().scan(direction, x, weights, state, valid)

    def put_away(self, x: Array, valid: Array) -> Array:
        """x without what it holds at steps left out: it may be NaN, and 0 * NaN is NaN on the way back."""
        return np.where(valid[..., None], x, np.zeros_like(x))

    def step(self, direction: int, from_input: Array, old: State, weights: LayerWeights) -> State:
        """The reference's step, its intermediate numbers on tape."""
        act = self.activations(direction)
        z = from_input + self.recurrent_part(old.h, weights)
        gate_i, gate_f, gate_g = (self.gate(act, k, z[:, k], old.c, weights) for k in (I, F, G))
        i, f = self.coupled(gate_i.value, gate_f.value)
        summed = self.cell(i, f, gate_g.value, old.c)
        c = self.stored(summed, weights)
        gate_o = self.gate(act, O, z[:, O], c, weights)
        shown = self.clipped_cell(c)
        hh = self.activation(act.hidden, shown)
        m = gate_o.value * hh
        unbounded = self.unbounded(m, weights)
        new = State(self.projected(m, weights), c)
        gates = (gate_i, gate_f, gate_g, gate_o)
        self.tape[-1].steps.append(Step(act, old, new, gates, i, f, summed, shown, hh, m, unbounded))
        return new

    def gate(self, act: Activations, gate: int, z: Array, c: Array, weights: LayerWeights) -> Gate:
        """One gate, from its W x + R h and the cell state that its peephole sees."""
        z = self.with_peephole(gate, z, c, weights)
        unclipped = self.normalised_gate(gate, z, weights) if self.case.layer_norm is not None else z
        unclipped = self.with_forget_bias(unclipped) if gate == F else unclipped
        argument = self.clipped_gate(gate, unclipped)
        return Gate(z, unclipped, argument, self.squashed(act, gate, argument))

    def unbounded(self, m: Array, weights: LayerWeights) -> Array:
        """The projected h before its clip."""
        if weights.projection is None or self.case.projection_clip is None:
            return m
        h = self.product(m, weights.projection)
        return h if weights.projection_bias is None else h + weights.projection_bias
