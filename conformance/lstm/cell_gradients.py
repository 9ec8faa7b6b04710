"""The gradients of one time step: equations (14) to (17), with every option applied.

The backward pass of conformance.lstm.cell; part of the reference's gradients (conformance.lstm.gradients).
"""

from __future__ import annotations

import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array, LayerWeights
from conformance.lstm.cell import Cell
from conformance.lstm.slopes import slope
from conformance.lstm.step import PEEPHOLES, F, G, I, O, State, Step

Parts = dict[str, Array]
"""What a step contributes to the gradients of its weights, separately for each batch row: (B, ...)."""


class CellGradients(Cell):
    """The cell of one case with its backward pass. dv stands for dL/dv."""

    def projected(self, m: Array, weights: LayerWeights) -> Array:
        """The cell's projection, computed twice where it is clipped.

        The first result is discarded. It is computed only because kappa draws random numbers operation by operation,
        and the stored kappa values were drawn with this operation performed twice.
        """
        if weights.projection is not None and self.case.projection_clip is not None:
            super().projected(m, weights)
        return super().projected(m, weights)

    def step_back(self, step: Step, d: State, weights: LayerWeights) -> tuple[State, Parts]:
        """dL/dh_{t-1} and dL/dc_{t-1} from dL/dh_t and dL/dc_t, and the step's parts of the weight gradients."""
        kinds = ["z", "bias"] + (["gamma"] if weights.gamma is not None else [])
        like = np.stack([gate.z for gate in step.gates], axis=1)
        parts: Parts = {kind: np.zeros_like(like) for kind in kinds}
        dm = self.projection_back(step, d.h, weights, parts)
        dc = d.c + self.cell_from_output(step, dm)
        da_o = self.gate_back(step, O, self.output_gate(step, dm), weights, parts)
        from_output_peephole = self.cell_from_peephole(O, da_o, weights)
        of_new_cell = self.case.output_peephole == "new-cell"
        if of_new_cell:
            dc = dc + from_output_peephole
        dc = self.stored_back(step, dc, weights, parts)
        di, df = self.coupled_back(self.input_gate(step, dc), self.forget_gate(step, dc))
        dg = self.candidate(step, dc)
        da = {k: self.gate_back(step, k, dv, weights, parts) for k, dv in ((I, di), (F, df), (G, dg))}
        before_c = dc * step.f + self.cell_from_peephole(I, da[I], weights) + self.cell_from_peephole(F, da[F], weights)
        if not of_new_cell:
            before_c = before_c + from_output_peephole
        return State(self.recurrent_back(parts["z"], weights), before_c), parts

    def projection_back(self, step: Step, dh: Array, weights: LayerWeights, parts: Parts) -> Array:
        """dL/dm of h = W_p m + b_p. Equation (14)."""
        if weights.projection is None:
            return dh
        if self.case.projection_clip is not None:
            dh = self.clip_back(dh, step.unbounded, self.case.projection_clip)
        parts["projected"] = dh
        return dh @ weights.projection

    def output_gate(self, step: Step, dm: Array) -> Array:
        """dL/do of m = o Hh(c). Equation (14)."""
        return dm * step.hh

    def cell_from_output(self, step: Step, dm: Array) -> Array:
        """dL/dc_t of m = o Hh(c_t). Equation (14)."""
        dc = dm * step.gates[O].value * self.slope(step.act.hidden, step.shown, step.hh)
        clip = self.case.gate_clip
        return self.clip_back(dc, step.new.c, clip.bound) if clip is not None and clip.reading == "all" else dc

    def stored_back(self, step: Step, dc: Array, weights: LayerWeights, parts: Parts) -> Array:
        """Back through the layer norm or the clip of the stored cell state."""
        if weights.gamma_cell is not None:
            parts["gamma_cell"], parts["beta_cell"] = dc * self.normalised(step.summed), dc
            dc = self.normalised_back(step.summed, weights.gamma_cell * dc)
        return dc if self.case.cell_clip is None else self.clip_back(dc, step.summed, self.case.cell_clip)

    def input_gate(self, step: Step, dc: Array) -> Array:
        """dL/di of c_t = f c_{t-1} + i g. Equation (15)."""
        return dc * step.gates[G].value

    def forget_gate(self, step: Step, dc: Array) -> Array:
        """dL/df. Equation (15)."""
        return dc * step.old.c

    def candidate(self, step: Step, dc: Array) -> Array:
        """dL/dg. Equation (15)."""
        return dc * step.i

    def coupled_back(self, di: Array, df: Array) -> tuple[Array, Array]:
        """Where two gates are coupled, the independent one also gets the other's gradient with its sign changed."""
        if self.case.coupling == "forget=1-input":
            return di - df, np.zeros_like(df)
        return (np.zeros_like(di), df - di) if self.case.coupling == "input=1-forget" else (di, df)

    def gate_back(self, step: Step, gate: int, dv: Array, weights: LayerWeights, parts: Parts) -> Array:
        """dL/d(W x + R h) of a gate from dL/d(its value): activation, clip, norm. Equation (16)."""
        kept = step.gates[gate]
        activation = step.act.cell if gate == G else step.act.gate
        da = dv * self.slope(activation, kept.argument, kept.value)
        if self.case.gate_clip is not None:
            da = self.clip_back(da, kept.unclipped, self.case.gate_clip.bound)
        parts["bias"][:, gate] = da  # every bias, beta included, is added after the norm, if there is a norm
        if weights.gamma is not None:
            parts["gamma"][:, gate] = da * self.normalised(kept.z)
            da = self.normalised_back(kept.z, weights.gamma[gate] * da)
        parts["z"][:, gate] = da
        return da

    def slope(self, activation: Activation, argument: Array, value: Array) -> Array:
        """The derivative of an activation."""
        return slope(activation, argument, value)

    def clip_back(self, dv: Array, unclipped: Array, bound: float) -> Array:
        """Back through a clip: 0 where it bounded the value."""
        return np.where(np.abs(unclipped) < bound, dv, np.zeros_like(dv))

    def normalised_back(self, v: Array, dn: Array) -> Array:
        """Back through n = (v - mean) / root: (dn - mean(dn) - n mean(n dn)) / root."""
        deviation = v - self.mean(v)
        root = np.sqrt(self.mean(deviation * deviation) + self.epsilon())
        n = deviation / root
        result: Array = (dn - self.mean(dn) - n * self.mean(n * dn)) / root
        return result

    def cell_from_peephole(self, gate: int, da: Array, weights: LayerWeights) -> Array:
        """The gradient that a gate's peephole passes to the cell state it sees. Equation (17)."""
        return np.zeros_like(da) if weights.peephole is None else weights.peephole[PEEPHOLES[gate]] * da

    def recurrent_back(self, dz: Array, weights: LayerWeights) -> Array:
        """dL/dh_{t-1} = R^T dz: (B, P). Equation (17)."""
        _, H, P = weights.R.shape
        return dz.reshape(-1, 4 * H) @ weights.R.reshape(4 * H, P)

    def input_back(self, dz: Array, weights: LayerWeights) -> Array:
        """dL/dx_t = W^T dz for every step: (T, B, I_l). Equation (17)."""
        _, H, I_l = weights.W.shape
        dx: Array = (dz.reshape(-1, 4 * H) @ weights.W.reshape(4 * H, I_l)).reshape(*dz.shape[:2], I_l)
        return dx
