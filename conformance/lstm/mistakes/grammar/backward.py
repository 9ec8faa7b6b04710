"""The sites of the gradients: each operation of back-propagation, handed to `Traced.at`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.cell_gradients import Parts
from conformance.lstm.mistakes.grammar.forward import Forward
from conformance.lstm.step import F, G, I, O, Scan, State, Step

OF_WEIGHTS = {
    "grad-W": ("W", "z", "TBKH"),
    "grad-R": ("R", "z", "TBKH"),
    "grad-input-bias": ("b_w", "bias", "TBKH"),
    "grad-recurrent-bias": ("b_r", "bias", "TBKH"),
    "grad-peephole": ("peephole", "z", "TBKH"),
    "grad-projection": ("projection", "projected", "TBH"),
    "grad-projection-bias": ("projection_bias", "projected", "TBH"),
    "grad-norm-gain": ("gamma", "gamma", "TBKH"),
    "grad-norm-bias": ("beta", "bias", "TBKH"),
}
"""Site -> the weight, the part of each step that its gradient is a sum of, and the axes of these parts in time."""


class Backward(Forward):
    """The operations of docs/equations.md, section 8."""

    # One step.

    def projection_back(self, step: Step, dh: Array, weights: LayerWeights, parts: Parts) -> Array:
        dm = super().projection_back(step, dh, weights, parts)
        return dm if weights.projection is None else self.at("back-projection", "BH", dm)

    def output_gate(self, step: Step, dm: Array) -> Array:
        return self.at("back-output-gate", "BH", super().output_gate(step, dm), gate=O)

    def cell_from_output(self, step: Step, dm: Array) -> Array:
        return self.at("back-cell", "BH", super().cell_from_output(step, dm))

    def input_gate(self, step: Step, dc: Array) -> Array:
        return self.at("back-input-gate", "BH", super().input_gate(step, dc), gate=I)

    def forget_gate(self, step: Step, dc: Array) -> Array:
        return self.at("back-forget-gate", "BH", super().forget_gate(step, dc), gate=F)

    def candidate(self, step: Step, dc: Array) -> Array:
        return self.at("back-candidate", "BH", super().candidate(step, dc), gate=G)

    def coupled_back(self, di: Array, df: Array) -> tuple[Array, Array]:
        new_i, new_f = super().coupled_back(di, df)
        if self.case.coupling is None:
            return new_i, new_f
        i = self.at("back-coupling", "BH", new_i, without=di, gate=I)
        return i, self.at("back-coupling", "BH", new_f, without=df, gate=F)

    def slope(self, activation: Activation, argument: Array, value: Array) -> Array:
        slope = super().slope(activation, argument, value)
        return self.at("back-activation", "BH", slope, without=np.ones_like(slope), twice=lambda v: v * slope)

    def clip_back(self, dv: Array, unclipped: Array, bound: float) -> Array:
        return self.at("back-clip", "BH", super().clip_back(dv, unclipped, bound), without=dv)

    def normalised_back(self, v: Array, dn: Array) -> Array:
        return self.at("back-norm", "BH", super().normalised_back(v, dn), without=dn)

    def cell_from_peephole(self, gate: int, da: Array, weights: LayerWeights) -> Array:
        dc = super().cell_from_peephole(gate, da, weights)
        return dc if weights.peephole is None else self.at("back-peephole", "BH", dc, gate=gate)

    def recurrent_back(self, dz: Array, weights: LayerWeights) -> Array:
        return self.at("back-recurrent", "BH", super().recurrent_back(dz, weights))

    # Steps, layers and directions.

    def across(self, t: int, before: State) -> State:
        kept = super().across(t, before)
        at, _ = self.place(t)
        first = (self.case.T - 1 if self.case.reverse(self.direction) else 0) == t
        site = "back-{}-initial" if first else "back-{}-between-steps" if at else "back-{}-between-blocks"
        cut = before if self.case.gradients == "truncated" else State(np.zeros_like(kept.h), np.zeros_like(kept.c))
        h = self.at(site.format("h"), "BH", kept.h, without=cut.h)
        return State(h, self.at(site.format("c"), "BH", kept.c, without=cut.c))

    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        kept = super().past_left_out(valid, before, carried)
        h = self.at("back-held", "BH", kept.h, without=before.h)
        return State(h, self.at("back-held", "BH", kept.c, without=before.c))

    def input_back(self, dz: Array, weights: LayerWeights) -> Array:
        self.step_at = None
        return self.at("back-input", "TBI", super().input_back(dz, weights))

    def dx_of(self, dxs: Sequence[Array]) -> Array:
        whole = super().dx_of(dxs)
        return whole if len(dxs) == 1 else self.at("back-directions", "TBI", whole, without=dxs[0])

    def layer_back(
        self, layer: int, dy: Array, dh_n: Array, dc_n: Array, starts: dict[int, State], found: Outputs
    ) -> Array:
        self.row = layer * self.case.D
        dy = self.at("back-between-layers", "TBH", dy) if layer < self.case.layers - 1 else dy
        return super().layer_back(layer, dy, dh_n, dc_n, starts, found)

    # Weights and head.

    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        above = super().weights_back
        found = above(scan, steps, parts)
        if self.site not in OF_WEIGHTS or OF_WEIGHTS[self.site][0] not in found:
            return found
        self.step_at = None
        name, part, axes = OF_WEIGHTS[self.site]
        if self.locality.axis == "columns":
            found[name] = self.at(self.site, "KHI" if name in ("W", "R") else "HI", found[name])
        else:
            damaged = self.at(self.site, axes, parts[part])
            found[name] = above(scan, steps, parts | {part: damaged})[name]
        return found

    def head_back(self, weights: Weights, inputs: Inputs, outputs: Outputs, found: Outputs) -> Array:
        self.row, self.step_at = (self.case.layers - 1) * self.case.D, None
        dy = super().head_back(weights, inputs, outputs, found)
        found["d_W_y"] = self.at("grad-head", "OI", found["d_W_y"])
        found["d_b_y"] = self.at("grad-head-bias", "O", found["d_b_y"])
        return self.at("back-head", "TBH", dy)

    def cross_entropy_back(self, logits: Array, inputs: Inputs) -> Array:
        axes = "TBO" if logits.ndim == 3 else "BO"
        return self.at("back-loss", axes, super().cross_entropy_back(logits, inputs))
