"""The sites of the forward pass: each operation of the reference, handed to `Traced.at`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.case.options import Activations
from conformance.case.tensors import Array, Inputs, LayerWeights, Weights
from conformance.lstm.mistakes.grammar.traced import Traced
from conformance.lstm.step import PEEPHOLES, F, Scan, State, Step


class Forward(Traced):
    """The operations of docs/equations.md, sections 3 to 7."""

    # Sums of a gate.

    def input_part(self, x: Array, weights: LayerWeights) -> Array:
        above, plain = super().input_part, replace(weights, b_w=None)
        z = self.product_at("input-product", "TBKH", x, lambda part: above(part, plain))
        if weights.b_w is None or self.case.layer_norm:
            return z
        return z + self.at("input-bias", "TBKH", weights.b_w, like=z)

    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        above, plain = super().recurrent_part, replace(weights, b_r=None)
        z = self.product_at("recurrent-product", "BKH", h, lambda part: above(part, plain))
        if weights.b_r is None or self.case.layer_norm:
            return z
        return z + self.at("recurrent-bias", "BKH", weights.b_r, like=z)

    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        if weights.peephole is None or gate not in PEEPHOLES:
            return z
        return z + self.at("peephole", "BH", super().with_peephole(gate, np.zeros_like(z), c, weights), gate=gate)

    def with_forget_bias(self, z_f: Array) -> Array:
        if not self.case.forget_bias:
            return z_f
        return z_f + self.at("forget-bias", "BH", super().with_forget_bias(np.zeros_like(z_f)), gate=F)

    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        above = super().normalised_gate
        return self.at(
            *("gate-norm", "BH", above(gate, z, weights)),
            without=z,
            twice=lambda value: above(gate, value, weights),
            gate=gate,
        )

    def with_bias_of_norm(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        bias = super().with_bias_of_norm(gate, np.zeros_like(z), weights)
        return z + self.at("norm-bias", "BH", bias, gate=gate)

    def clipped_gate(self, gate: int, z: Array) -> Array:
        value = super().clipped_gate(gate, z)
        return value if self.case.gate_clip is None else self.at("gate-clip", "BH", value, without=z, gate=gate)

    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        above = super().squashed
        return self.at(
            *("gate-activation", "BH", above(act, gate, z)),
            without=z,
            twice=lambda value: above(act, gate, value),
            gate=gate,
        )

    def coupled(self, i: Array, f: Array) -> tuple[Array, Array]:
        new_i, new_f = super().coupled(i, f)
        if self.case.coupling == "forget=1-input":
            return new_i, self.at("coupling", "BH", new_f, without=f, gate=F)
        if self.case.coupling == "input=1-forget":
            return self.at("coupling", "BH", new_i, without=i, gate=0), new_f
        return new_i, new_f

    # Cell and output.

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return self.at("forget-term", "BH", f * old_c) + self.at("input-term", "BH", i * g)

    def normalised_cell(self, c: Array, weights: LayerWeights) -> Array:
        if weights.gamma_cell is None:
            return c
        above = super().normalised_cell
        value = above(c, weights)
        return self.at("cell-norm", "BH", value, without=c, twice=lambda v: above(v, weights))

    def stored(self, c: Array, weights: LayerWeights) -> Array:
        value = super().stored(c, weights)
        if self.case.cell_clip is None or self.site != "cell-clip":
            return value
        return self.at("cell-clip", "BH", value, without=self.normalised_cell(c, weights))

    def hidden(self, act: Activations, shown: Array) -> Array:
        above = super().hidden
        return self.at(
            *("hidden-activation", "BH", above(act, shown)),
            without=shown,
            twice=lambda value: above(act, value),
        )

    def output(self, act: Activations, o: Array, hh: Array) -> Array:
        above = super().output
        return self.at("output-gate", "BH", above(act, o, hh), without=hh, twice=lambda value: above(act, o, value))

    def projected(self, m: Array, weights: LayerWeights) -> Array:
        matrix = weights.projection
        if matrix is None:
            return m
        h = self.product_at("projection-product", "BH", m, lambda part: self.product(part, matrix))
        if weights.projection_bias is None:
            return h
        return h + self.at("projection-bias", "BH", weights.projection_bias, like=h)

    def clipped_projection(self, h: Array) -> Array:
        value = super().clipped_projection(h)
        return value if self.case.projection_clip is None else self.at("projection-clip", "BH", value, without=h)

    # States handed over.

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        state = super().initial_state(row, x, inputs)
        return State(self.at("initial-h", "BH", state.h), self.at("initial-c", "BH", state.c))

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        at, _ = self.place(self.step_at or 0)
        first = (self.case.T - 1 if self.case.reverse(self.direction) else 0) == self.step_at
        if not first:
            between = "steps" if at else "blocks"
            old = State(self.at(f"h-between-{between}", "BH", old.h), self.at(f"c-between-{between}", "BH", old.c))
        return super().step(act, from_input, old, weights)

    def held(self, valid: Array, new: State, old: State) -> State:
        found = super().held(valid, new, old)
        if self.back:
            return found
        h = self.at("held-h", "BH", found.h, without=new.h)
        return State(h, self.at("held-c", "BH", found.c, without=new.c))

    # Layers and directions.

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.row = layer * self.case.D
        x = self.at("between-layers", "TBI", x) if layer else x
        y, finals = super().layer(layer, x, weights, inputs)
        kept = []
        for direction, state in enumerate(finals):
            self.row = layer * self.case.D + direction
            kept.append(State(self.at("final-h", "BH", state.h), self.at("final-c", "BH", state.c)))
        return y, kept

    def scan(self, given: Scan) -> tuple[Array, State]:
        self.row, self.step_at = given.row, None
        if given.valid is not None:
            every = np.ones_like(given.valid)
            given = replace(given, valid=self.at("lengths", "TB", given.valid, without=every))
        return super().scan(given)

    def joined(self, ys: Sequence[Array]) -> Array:
        joined = super().joined(ys)
        return joined if len(ys) == 1 else self.at("joined-directions", "TBH", joined)

    # The head.

    def head(self, y: Array, weights: Weights) -> Array:
        assert weights.W_y is not None and weights.b_y is not None
        above, plain = super().head, replace(weights, b_y=np.zeros_like(weights.b_y))
        axes = "TBO" if y.ndim == 3 else "BO"
        logits = self.product_at("head-product", axes, y, lambda part: above(part, plain))
        return logits + self.at("head-bias", axes, weights.b_y, like=logits)

    def log_softmax(self, logits: Array) -> Array:
        axes = "TBO" if logits.ndim == 3 else "BO"
        return self.at("softmax", axes, super().log_softmax(logits), without=logits, twice=super().log_softmax)

    def cross_entropy(self, logits: Array, inputs: Inputs) -> Array:
        return self.at("loss", "", super().cross_entropy(logits, inputs))
