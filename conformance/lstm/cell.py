"""The cell: one time step of one layer in one direction, equations (1) to (4), with every option applied.

Part of the reference (conformance.lstm.reference). It has its own module because most mistakes are made here.
"""

from __future__ import annotations

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array, LayerWeights
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.step import PEEPHOLES, F, G, Gate, I, O, State, Step

EPSILON = {"basic-lstm-cell": 1e-12, "nnapi": 1e-8}
LARGE = 2**18
"""Elements of a matrix from which on it matters which of two is transposed."""


class Cell:
    """The cell of one case. Arrays keep the dtype they come in; nothing is converted."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def input_part(self, x: Array, weights: LayerWeights) -> Array:
        """W_k x + b_w_k for every step at once: (T, B, 4, H). Equation (1), the part without h."""
        _, H, I_l = weights.W.shape
        z = self.product(x.reshape(-1, I_l), weights.W.reshape(4 * H, I_l)).reshape(*x.shape[:-1], 4, H)
        return z if weights.b_w is None or self.case.layer_norm else z + weights.b_w

    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        """R_k h + b_r_k: (B, 4, H). Equation (1), the part with h."""
        _, H, P = weights.R.shape
        z = self.product(h, weights.R.reshape(4 * H, P)).reshape(-1, 4, H)
        return z if weights.b_r is None or self.case.layer_norm else z + weights.b_r

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        """One step with its intermediate values. `from_input` (B, 4, H): W x + b_w. Equations (1) to (4)."""
        z = from_input + self.recurrent_part(old.h, weights)
        gate_i = self.gate(act, I, z[:, I], old.c, weights)
        gate_f = self.gate(act, F, z[:, F], old.c, weights)
        gate_g = self.gate(act, G, z[:, G], old.c, weights)
        i, f = self.coupled(gate_i.value, gate_f.value)
        summed = self.cell(i, f, gate_g.value, old.c)
        c = self.stored(summed, weights)
        gate_o = self.gate(act, O, z[:, O], self.seen_by_output_gate(old.c, c), weights)
        shown = self.clipped_cell(c)
        hh = self.hidden(act, shown)
        m = self.output(act, gate_o.value, hh)
        unbounded = self.projected(m, weights)
        new = State(self.clipped_projection(unbounded), c)
        return Step(act, old, new, (gate_i, gate_f, gate_g, gate_o), i, f, summed, shown, hh, m, unbounded)

    def gate(self, act: Activations, gate: int, z: Array, c: Array, weights: LayerWeights) -> Gate:
        """One gate, from z = W x + R h + biases and the cell state that its peephole sees. Equations (1), (2).

        Applied in this order: peephole, layer norm, forget bias, clip, activation.
        """
        z = self.with_peephole(gate, z, c, weights)
        unclipped = z if self.case.layer_norm is None else self.normalised_gate(gate, z, weights)
        if gate == F:
            unclipped = self.with_forget_bias(unclipped)
        argument = self.clipped_gate(gate, unclipped)
        return Gate(z, unclipped, argument, self.squashed(act, gate, argument))

    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        """z + p_k c, for the gates that have a peephole. Equation (1)."""
        if weights.peephole is None or gate not in PEEPHOLES:
            return z
        result: Array = z + weights.peephole[PEEPHOLES[gate]] * c
        return result

    def seen_by_output_gate(self, old_c: Array, c: Array) -> Array:
        """The cell state that the output peephole sees: the new one, or in the other reading the old one."""
        return c if self.case.output_peephole == "new-cell" else old_c

    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        """Layer norm of a gate over its H units; in NNAPI's form the bias is added afterwards. Equation (6)."""
        assert weights.gamma is not None
        return self.with_bias_of_norm(gate, weights.gamma[gate] * self.normalised(z), weights)

    def with_bias_of_norm(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        """z + beta, or in NNAPI's form z + b_w + b_r."""
        for beta in (weights.beta, weights.b_w, weights.b_r):
            z = z if beta is None else z + beta[gate]
        return z

    def normalised(self, v: Array) -> Array:
        """(v - mean) / sqrt(variance + epsilon) over the last axis."""
        deviation = v - self.mean(v)
        return deviation / np.sqrt(self.mean(deviation * deviation) + self.epsilon())

    def epsilon(self) -> float:
        """The epsilon that keeps the divisor of a layer norm from being zero."""
        assert self.case.layer_norm is not None
        return EPSILON[self.case.layer_norm]

    def mean(self, v: Array) -> Array:
        """The mean over the last axis, kept as an axis of 1."""
        units = v.shape[-1]
        mean: Array = (v @ np.ones((units, 1), v.dtype)) / units
        return mean

    def with_forget_bias(self, z_f: Array) -> Array:
        """z_f + forget_bias, added at run time before S. Equation (2)."""
        return z_f + self.case.forget_bias if self.case.forget_bias else z_f

    def clipped_gate(self, gate: int, z: Array) -> Array:
        """The pre-activation, bounded by the gate clip."""
        return z if self.case.gate_clip is None else self.bounded(z, self.case.gate_clip.bound)

    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        """S(z) of a gate, G(z) of the cell candidate. Equation (2)."""
        return self.activation(act.cell if gate == G else act.gate, z)

    def coupled(self, i: Array, f: Array) -> tuple[Array, Array]:
        """i and f; where they are coupled, one is computed from the other."""
        if self.case.coupling == "forget=1-input":
            return i, 1.0 - i
        return (1.0 - f, f) if self.case.coupling == "input=1-forget" else (i, f)

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        """f c_{t-1} + i g. Equation (3)."""
        c: Array = f * old_c + i * g
        return c

    def stored(self, c: Array, weights: LayerWeights) -> Array:
        """The new cell state as it is stored: normalised, then bounded by the cell clip."""
        c = self.normalised_cell(c, weights)
        return c if self.case.cell_clip is None else self.bounded(c, self.case.cell_clip)

    def normalised_cell(self, c: Array, weights: LayerWeights) -> Array:
        """Layer norm of the cell state, in the form of layer norm that has one. Equation (6)."""
        if weights.gamma_cell is None or weights.beta_cell is None:
            return c
        return weights.gamma_cell * self.normalised(c) + weights.beta_cell

    def clipped_cell(self, c: Array) -> Array:
        """The input of Hh; in the literal reading of the gate clip, it is bounded too."""
        clip = self.case.gate_clip
        return self.bounded(c, clip.bound) if clip is not None and clip.reading == "all" else c

    def hidden(self, act: Activations, shown: Array) -> Array:
        """Hh of the cell state: (B, H). Equation (4)."""
        return self.activation(act.hidden, shown)

    def output(self, act: Activations, o: Array, hh: Array) -> Array:
        """o Hh(c): (B, H). Equation (4)."""
        m: Array = o * hh
        return m

    def projected(self, m: Array, weights: LayerWeights) -> Array:
        """h (B, P) before its clip, from m = o Hh(c) (B, H). Equation (4)."""
        if weights.projection is None:
            return m
        h = self.product(m, weights.projection)
        return h if weights.projection_bias is None else h + weights.projection_bias

    def clipped_projection(self, h: Array) -> Array:
        """The projected h, bounded by the projection clip."""
        return h if self.case.projection_clip is None else self.bounded(h, self.case.projection_clip)

    # Building blocks.

    def product(self, rows: Array, matrix: Array) -> Array:
        """The matrix times each row: (N, K) and (M, K) give (N, M)."""
        if matrix.size >= LARGE and 8 * len(rows) < len(matrix) and type(rows) is type(matrix) is np.ndarray:
            # The same sums. OpenBLAS takes two thirds of the time when the larger matrix is not the transposed one.
            # What only looks like an array (conformance.lstm.kappa) tells rows from a matrix by their order.
            return np.ascontiguousarray((matrix @ rows.T).T)
        return rows @ matrix.T

    def activation(self, activation: Activation, z: Array) -> Array:
        """The activation of every element."""
        # Python floats adopt the array's dtype, so alpha and beta are rounded to it once, as in a framework.
        return FUNCTIONS[activation.name](z, activation.alpha or 0.0, activation.beta or 0.0)

    def bounded(self, v: Array, bound: float) -> Array:
        """V limited to [-bound, bound]."""
        result: Array = np.minimum(np.maximum(v, -bound), bound)
        return result
