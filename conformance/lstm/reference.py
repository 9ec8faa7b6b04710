"""The reference: an LSTM in NumPy, written to be read beside docs/equations.md, in whatever float dtype it is given.

    run        the stack of layers and the head
    layer      one or two directions
    scan       the steps of a sequence, forward or reverse, each row's own steps only
    step       one time step of one layer in one direction: equations (1) to (4), every option in its place

Every method does one thing, so that a variant of the LSTM, a mistake among them, is a subclass that replaces one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.activations import apply

I, F, G, O = range(4)
"""The gates' places on the axis of 4: input, forget, cell candidate, output."""
PEEPHOLES = {I: 0, F: 1, O: 2}
"""The gates' places on the axis of 3."""
EPSILON = {"basic-lstm-cell": 1e-12, "nnapi": 1e-8}


@dataclass(frozen=True)
class State:
    """h (B, P) and c (B, H)."""

    h: Array
    c: Array


class Reference:
    """The LSTM of one case. Arrays keep the dtype they come in; nothing is converted."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def run(self, arrays: Arrays) -> Outputs:
        """Every tensor of `case.outputs`."""
        case, weights, inputs = self.case, arrays.weights, arrays.inputs
        with np.errstate(over="ignore", invalid="ignore"):  # saturated exp, and NaN in padding that is never used
            y = inputs.x
            finals: list[State] = []
            for layer in range(case.layers):
                y, layer_finals = self.layer(layer, y, weights, inputs)
                finals += layer_finals
            outputs = {
                "y": y,
                "h_n": np.stack([state.h for state in finals]),
                "c_n": np.stack([state.c for state in finals]),
            }
            if case.head is not None:
                logits = self.head(y if case.head.after == "every_step" else y[-1], weights)
                outputs |= {"logits": logits} | self.of_logits(logits, inputs)
        return outputs

    # One layer.

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        """One layer: y (T, B, D*P), directions side by side, and each direction's final state."""
        valid = self.valid(x, inputs)
        ys, finals = [], []
        for direction in range(self.case.D):
            row = layer * self.case.D + direction
            state = self.initial_state(row, x, inputs)
            y, final = self.scan(direction, x, self.row_weights(row, weights), state, valid)
            ys.append(y)
            finals.append(final)
        return self.joined(ys), finals

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        """(T, B), whether a step counts for a row; None where all do."""
        if inputs.mask is not None:
            return inputs.mask
        return None if inputs.lengths is None else np.arange(x.shape[0])[:, None] < inputs.lengths

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        """The given state of a layer and direction, zeros for what is absent."""
        batch = x.shape[1]
        h = inputs.h0[row] if inputs.h0 is not None else np.zeros((batch, self.case.output_size), x.dtype)
        c = inputs.c0[row] if inputs.c0 is not None else np.zeros((batch, self.case.H), x.dtype)
        return State(h, c)

    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        """The weights of a layer and direction."""
        return weights.rows[row]

    def joined(self, ys: Sequence[Array]) -> Array:
        """The y of all directions as the layer's y."""
        return np.concatenate(ys, axis=-1)

    # One direction.

    def scan(
        self, direction: int, x: Array, weights: LayerWeights, state: State, valid: Array | None
    ) -> tuple[Array, State]:
        """All steps of one direction: y (T, B, P), zero at the steps a row leaves out, and the state after the last.

        A row's state stands still where it leaves a step out, so a reverse scan starts at the row's last valid step.
        """
        y: list[Array] = [x[0]] * x.shape[0]
        from_input = self.input_part(x, weights)
        for t in self.order(direction, x.shape[0]):
            new = self.step(direction, from_input[t], state, weights)
            if valid is None:
                state, y[t] = new, new.h
            else:
                now = valid[t][:, None]
                y[t] = self.left_out(now, new, state)
                state = self.held(now, new, state)
        return np.stack(y), state

    def order(self, direction: int, steps: int) -> Sequence[int]:
        """The steps in the order in which the direction takes them."""
        return range(steps)[::-1] if self.case.reverse(direction) else range(steps)

    def held(self, valid: Array, new: State, old: State) -> State:
        """The new state where the step counts, the old one where it is left out. `valid` (B, 1)."""
        return State(np.where(valid, new.h, old.h), np.where(valid, new.c, old.c))

    def left_out(self, valid: Array, new: State, old: State) -> Array:
        """y of a step: the new h where it counts, zeros where it is left out."""
        return np.where(valid, new.h, np.zeros_like(new.h))

    # One step.

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

    def step(self, direction: int, from_input: Array, old: State, weights: LayerWeights) -> State:
        """One step: the state after it. Equations (1) to (4)."""
        act = self.activations(direction)
        z = from_input + self.recurrent_part(old.h, weights)
        i = self.squashed(act, I, self.preactivation(I, z[:, I], old.c, weights))
        f = self.squashed(act, F, self.preactivation(F, z[:, F], old.c, weights))
        g = self.squashed(act, G, self.preactivation(G, z[:, G], old.c, weights))
        i, f = self.coupled(i, f)
        c = self.stored(self.cell(i, f, g, old.c), weights)
        o = self.squashed(act, O, self.preactivation(O, z[:, O], self.seen_by_output_gate(old.c, c), weights))
        return State(self.projected(self.output(act, o, c), weights), c)

    def activations(self, direction: int) -> Activations:
        """The activations of a direction."""
        return self.case.activations_of(direction)

    def preactivation(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        """The activation's input from W x + R h and biases: peephole, layer norm, forget bias, clip, in this order."""
        z = self.with_peephole(gate, z, c, weights)
        if self.case.layer_norm is not None:
            z = self.normalised_gate(gate, z, weights)
        if gate == F:
            z = self.with_forget_bias(z)
        return self.clipped_gate(gate, z)

    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        """z + p_k c, for the gates that have a peephole. Equation (1)."""
        if weights.peephole is None or gate not in PEEPHOLES:
            return z
        result: Array = z + weights.peephole[PEEPHOLES[gate]] * c
        return result

    def seen_by_output_gate(self, old_c: Array, c: Array) -> Array:
        """The cell state that the output peephole sees: the new one."""
        return c

    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        """Layer norm of a gate over its H units; in NNAPI's form the bias is added after it. Equation (6)."""
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
        """What keeps the divisor of a layer norm from being zero."""
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
        """The pre-activation within the gate clip."""
        return z if self.case.gate_clip is None else self.bounded(z, self.case.gate_clip.bound)

    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        """S(z) of a gate, G(z) of the cell candidate. Equation (2)."""
        return self.activation(act.cell if gate == G else act.gate, z)

    def coupled(self, i: Array, f: Array) -> tuple[Array, Array]:
        """i and f, one of them made from the other where they are coupled."""
        if self.case.coupling == "forget=1-input":
            return i, 1.0 - i
        return (1.0 - f, f) if self.case.coupling == "input=1-forget" else (i, f)

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        """f c_{t-1} + i g. Equation (3)."""
        c: Array = f * old_c + i * g
        return c

    def stored(self, c: Array, weights: LayerWeights) -> Array:
        """What is stored of a new cell state: normalised, or within the cell clip."""
        c = self.normalised_cell(c, weights)
        return c if self.case.cell_clip is None else self.bounded(c, self.case.cell_clip)

    def normalised_cell(self, c: Array, weights: LayerWeights) -> Array:
        """Layer norm of the cell state, in the form that has one. Equation (6)."""
        if weights.gamma_cell is None or weights.beta_cell is None:
            return c
        return weights.gamma_cell * self.normalised(c) + weights.beta_cell

    def output(self, act: Activations, o: Array, c: Array) -> Array:
        """o Hh(c): (B, H). Equation (4)."""
        return o * self.activation(act.hidden, self.clipped_cell(c))

    def clipped_cell(self, c: Array) -> Array:
        """The input of Hh: within the gate clip too, in its literal reading."""
        clip = self.case.gate_clip
        return self.bounded(c, clip.bound) if clip is not None and clip.reading == "all" else c

    def projected(self, m: Array, weights: LayerWeights) -> Array:
        """h (B, P) from m = o Hh(c) (B, H). Equation (4)."""
        if weights.projection is None:
            return m
        h = self.product(m, weights.projection)
        h = h if weights.projection_bias is None else h + weights.projection_bias
        return self.clipped_projection(h)

    def clipped_projection(self, h: Array) -> Array:
        """The projected h within the projection clip."""
        return h if self.case.projection_clip is None else self.bounded(h, self.case.projection_clip)

    def head(self, y: Array, weights: Weights) -> Array:
        """W_y y + b_y: logits (..., O). Equation (5)."""
        assert weights.W_y is not None and weights.b_y is not None
        logits = self.product(y.reshape(-1, y.shape[-1]), weights.W_y) + weights.b_y
        return logits.reshape(*y.shape[:-1], weights.b_y.size)

    def of_logits(self, logits: Array, inputs: Inputs) -> Outputs:
        """What the head makes of its logits."""
        found: Outputs = {}
        if self.case.head is not None and self.case.head.softmax:
            found["probabilities"] = np.exp(self.log_softmax(logits))
        if self.case.cross_entropy:
            found["loss"] = self.cross_entropy(logits, inputs)
        return found

    def log_softmax(self, logits: Array) -> Array:
        """The logarithm of softmax(logits) over the last axis. Equation (11)."""
        shifted = logits - np.max(logits, axis=-1, keepdims=True)
        flat = np.exp(shifted).reshape(-1, logits.shape[-1])
        total = self.product(flat, np.ones((1, logits.shape[-1]), logits.dtype))
        result: Array = shifted - np.log(total).reshape(*logits.shape[:-1], 1)
        return result

    def cross_entropy(self, logits: Array, inputs: Inputs) -> Array:
        """The mean over all that counts of -log softmax(logits) at the target: (). Equation (12)."""
        assert inputs.targets is not None
        counted, weight = self.targets_counted(inputs)
        classes = np.where(counted, inputs.targets, 0)[..., None]
        terms = np.where(counted, -np.take_along_axis(self.log_softmax(logits), classes, axis=-1)[..., 0], 0.0)
        return (self.product(terms.reshape(1, -1), np.ones((1, terms.size), logits.dtype)) * weight).reshape(())

    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        """Which of the targets count, bool, and the weight of each: one over their number."""
        assert inputs.targets is not None
        counted = inputs.targets >= 0
        return counted, 1.0 / int(counted.sum())

    # What all of it is made of.

    def product(self, rows: Array, matrix: Array) -> Array:
        """The matrix times each row: (N, K) and (M, K) give (N, M)."""
        return rows @ matrix.T

    def activation(self, activation: Activation, z: Array) -> Array:
        """The activation of every element."""
        return apply(activation, z)

    def bounded(self, v: Array, bound: float) -> Array:
        """V within +-bound."""
        result: Array = np.minimum(np.maximum(v, -bound), bound)
        return result
