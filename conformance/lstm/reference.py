"""The reference: an LSTM in NumPy, written to be read beside docs/equations.md, in whatever float dtype it is given.

    step       one time step of one layer in one direction: equations (1) to (4)
    scan       the steps of a sequence, forward or reverse, each row up to its own length
    layer      one or two directions
    run        the stack of layers and the head

Every method does one thing, so that a variant of the LSTM can be stated as a subclass that replaces one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.activations import apply


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
                outputs["logits"] = self.head(y if case.head.after == "every_step" else y[-1], weights)
        return outputs

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        """One layer: y (T, B, D*P), directions side by side, and each direction's final state."""
        results = []
        for direction in range(self.case.D):
            row = layer * self.case.D + direction
            state = self.initial_state(row, x, inputs)
            results.append(self.scan(direction, x, weights.rows[row], state, inputs.lengths))
        return np.concatenate([y for y, _ in results], axis=-1), [final for _, final in results]

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        """The given state of a layer and direction, zeros for what is absent."""
        batch = x.shape[1]
        h = inputs.h0[row] if inputs.h0 is not None else np.zeros((batch, self.case.output_size), x.dtype)
        c = inputs.c0[row] if inputs.c0 is not None else np.zeros((batch, self.case.H), x.dtype)
        return State(h, c)

    def scan(
        self, direction: int, x: Array, weights: LayerWeights, state: State, lengths: Array | None
    ) -> tuple[Array, State]:
        """All steps of one direction: y (T, B, P), zero past each row's length, and the state after the last one.

        A row's state stands still outside its length, so a reverse scan starts at the row's last valid step.
        """
        steps = range(x.shape[0])
        y: list[Array] = [x[0]] * len(steps)
        from_input = self.input_part(x, weights)
        for t in reversed(steps) if self.case.reverse(direction) else steps:
            new = self.step(direction, from_input[t], state, weights)
            if lengths is None:
                state, y[t] = new, new.h
            else:
                valid = (t < lengths)[:, None]
                state = State(np.where(valid, new.h, state.h), np.where(valid, new.c, state.c))
                y[t] = np.where(valid, new.h, np.zeros_like(new.h))
        return np.stack(y), state

    def input_part(self, x: Array, weights: LayerWeights) -> Array:
        """W_k x + b_w_k for every step at once: (T, B, 4, H). Equation (1), the part without h."""
        _, H, I = weights.W.shape
        z = (x.reshape(-1, I) @ weights.W.reshape(4 * H, I).T).reshape(*x.shape[:-1], 4, H)
        return z if weights.b_w is None else z + weights.b_w

    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        """R_k h + b_r_k: (B, 4, H). Equation (1), the part with h."""
        _, H, P = weights.R.shape
        z = (h @ weights.R.reshape(4 * H, P).T).reshape(-1, 4, H)
        return z if weights.b_r is None else z + weights.b_r

    def step(self, direction: int, from_input: Array, state: State, weights: LayerWeights) -> State:
        """One step: the state after it. Equations (1) to (4)."""
        act = self.case.activations_of(direction)
        z = from_input + self.recurrent_part(state.h, weights)
        z_i, z_f, z_g, z_o = (z[:, gate] for gate in range(4))
        i = apply(act.gate, z_i)
        f = apply(act.gate, self.forget_preactivation(z_f))
        g = apply(act.cell, z_g)
        c = f * state.c + i * g
        o = apply(act.gate, z_o)
        h = o * apply(act.hidden, c)
        return State(h, c)

    def forget_preactivation(self, z_f: Array) -> Array:
        """z_f + forget_bias, added at run time before S. Equation (2)."""
        return z_f + self.case.forget_bias if self.case.forget_bias else z_f

    def head(self, y: Array, weights: Weights) -> Array:
        """W_y y + b_y: logits (..., O). Equation (5)."""
        assert weights.W_y is not None and weights.b_y is not None
        logits = y.reshape(-1, y.shape[-1]) @ weights.W_y.T + weights.b_y
        return logits.reshape(*y.shape[:-1], -1)
