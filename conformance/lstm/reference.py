"""The reference: an LSTM in NumPy, written to be read alongside docs/equations.md; it computes in its input's dtype.

    run        the stack of layers and the head
    layer      one or two directions
    scan       the steps of a sequence, forward or reverse, only the valid steps of each batch row
    step       one time step of one layer in one direction (conformance.lstm.cell)
    observe    called with each step, for subclasses that record or check it

Every method does one thing, so a variant of the LSTM (for example a mistake) is a subclass that replaces one method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.case.options import Activations
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.cell import Cell
from conformance.lstm.step import Scan, State, Step


class Reference(Cell):
    """The LSTM of one case. Arrays keep the dtype they come in; nothing is converted."""

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
        """One layer: y (T, B, D*P), the directions concatenated, and the final state of each direction."""
        valid = self.valid(x, inputs)
        ys, finals = [], []
        for direction in range(self.case.D):
            row = layer * self.case.D + direction
            start = self.initial_state(row, x, inputs)
            y, final = self.scan(Scan(row, direction, x, self.row_weights(row, weights), start, valid))
            ys.append(y)
            finals.append(final)
        return self.joined(ys), finals

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        """(T, B), whether a step counts for a row; None if all do."""
        if inputs.mask is not None:
            return inputs.mask
        return None if inputs.lengths is None else np.arange(x.shape[0])[:, None] < inputs.lengths

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        """The initial state of a layer and direction; zeros where none is given."""
        batch = x.shape[1]
        h = inputs.h0[row] if inputs.h0 is not None else np.zeros((batch, self.case.output_size), x.dtype)
        c = inputs.c0[row] if inputs.c0 is not None else np.zeros((batch, self.case.H), x.dtype)
        return State(h, c)

    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        """The weights of a layer and direction."""
        return weights.rows[row]

    def joined(self, ys: Sequence[Array]) -> Array:
        """The layer's y, from the y of its directions."""
        return np.concatenate(ys, axis=-1)

    # One direction.

    def scan(self, given: Scan) -> tuple[Array, State]:
        """All steps of one direction: y (T, B, P), zero at the steps a row leaves out, and the final state.

        A row's state is held where it leaves a step out, so its reverse scan starts at its last valid step.
        """
        x, valid, state = given.x, given.valid, given.start
        y: list[Array] = [x[0]] * x.shape[0]
        from_input, act = self.input_part(x, given.weights), self.activations(given.direction)
        for t in self.order(given.direction, x.shape[0]):
            step = self.step(act, from_input[t], state, given.weights)
            self.observe(given, t, step)
            if valid is None:
                state, y[t] = step.new, step.new.h
            else:
                now = valid[t][:, None]
                y[t] = self.left_out(now, step.new, state)
                state = self.held(now, step.new, state)
        return np.stack(y), state

    def activations(self, direction: int) -> Activations:
        """The activations of a direction."""
        return self.case.activations_of(direction)

    def observe(self, given: Scan, t: int, step: Step) -> None:
        """Called with every step as soon as it is computed; `t` is its index on the time axis of the scan's x."""

    def order(self, direction: int, steps: int) -> Sequence[int]:
        """The steps in the order in which the direction takes them."""
        return range(steps)[::-1] if self.case.reverse(direction) else range(steps)

    def held(self, valid: Array, new: State, old: State) -> State:
        """The new state where the step counts, the old one where it is left out. `valid` (B, 1)."""
        return State(np.where(valid, new.h, old.h), np.where(valid, new.c, old.c))

    def left_out(self, valid: Array, new: State, old: State) -> Array:
        """y of a step: the new h where it counts, zeros where it is left out."""
        return np.where(valid, new.h, np.zeros_like(new.h))

    # The head.

    def head(self, y: Array, weights: Weights) -> Array:
        """W_y y + b_y: logits (..., O). Equation (5)."""
        assert weights.W_y is not None and weights.b_y is not None
        logits = self.product(y.reshape(-1, y.shape[-1]), weights.W_y) + weights.b_y
        return logits.reshape(*y.shape[:-1], weights.b_y.size)

    def of_logits(self, logits: Array, inputs: Inputs) -> Outputs:
        """The outputs computed from the logits: probabilities and loss, as far as the case has them."""
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
        """The mean of -log softmax(logits) at the target, over all targets that count: (). Equation (12)."""
        assert inputs.targets is not None
        counted, weight = self.targets_counted(inputs)
        classes = np.where(counted, inputs.targets, 0)[..., None]
        terms = np.where(counted, -np.take_along_axis(self.log_softmax(logits), classes, axis=-1)[..., 0], 0.0)
        return (self.product(terms.reshape(1, -1), np.ones((1, terms.size), logits.dtype)) * weight).reshape(())

    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        """Which targets count (bool), and the weight of each: one over their number."""
        assert inputs.targets is not None
        counted = inputs.targets >= 0
        return counted, 1.0 / int(counted.sum())
