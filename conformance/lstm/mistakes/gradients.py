"""Mistakes in the gradients within a step and of the weights: the forward answer is right, but training is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Inputs, LayerWeights, Outputs
from conformance.lstm.cell_gradients import Parts
from conformance.lstm.gradients import Gradients, outer
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.mistakes.peephole import output_sees
from conformance.lstm.step import F, G, I, O, Scan, State, Step

gradients = Axis("gradients")
NEURON = "https://github.com/wvabrinskas/Neuron/pull/181"


def differentiated(case: Case) -> bool:
    """Whether the case has gradients."""
    return case.gradients is not None


def final_state(case: Case) -> bool:
    """Whether a gradient enters through the final state."""
    return differentiated(case) and not case.cross_entropy and not case.dh_n is case.dc_n is None


def uses(case: Case, name: str) -> bool:
    """Whether an activation is used as S, G or Hh."""
    return any(name in (a.gate.name, a.cell.name, a.hidden.name) for a in case.activations)


def clips(case: Case) -> bool:
    """Whether the case has a clip."""
    return any(clip is not None for clip in (case.gate_clip, case.cell_clip, case.projection_clip))


# One step.


@gradients(
    "gradient-input-gate-uses-input-gate", "uses i instead of g in dL/di = dL/dc g", NEURON, applies=differentiated
)
class InputGateUsesInputGate(Gradients):
    def input_gate(self, step: Step, dc: Array) -> Array:
        return dc * step.i


@gradients("gradient-forget-gate-uses-new-cell", "uses c_t instead of c_{t-1} in dL/df", applies=differentiated)
class ForgetGateUsesNewCell(Gradients):
    def forget_gate(self, step: Step, dc: Array) -> Array:
        return dc * step.new.c


@gradients("gradient-output-gate-uses-cell", "uses c instead of Hh(c) in dL/do", applies=differentiated)
class OutputGateUsesCell(Gradients):
    def output_gate(self, step: Step, dm: Array) -> Array:
        return dm * step.new.c


@gradients(
    "gradient-tanh-derivative-of-output",
    "uses the derivative of tanh at tanh(z) instead of at z",
    NEURON,
    applies=lambda case: differentiated(case) and uses(case, "tanh"),
)
class TanhDerivativeOfOutput(Gradients):
    def slope(self, activation: Activation, argument: Array, value: Array) -> Array:
        if activation.name != "tanh":
            return super().slope(activation, argument, value)
        again = np.tanh(value)
        result: Array = 1.0 - again * again
        return result


@gradients(
    "gradient-sigmoid-derivative-of-output",
    "uses the derivative of the sigmoid at sigmoid(z) instead of at z",
    "https://github.com/nicklashansen/rnn_lstm_from_scratch/issues/1",
    applies=lambda case: differentiated(case) and uses(case, "sigmoid"),
)
class SigmoidDerivativeOfOutput(Gradients):
    def slope(self, activation: Activation, argument: Array, value: Array) -> Array:
        if activation.name != "sigmoid":
            return super().slope(activation, argument, value)
        again = 1.0 / (1.0 + np.exp(-value))
        result: Array = again * (1.0 - again)
        return result


@gradients(
    "gradient-cell-overwritten",
    "overwrites the gradient that a cell state gets from later steps and from c_n with the one from its own h",
    "https://github.com/apache/mxnet/issues/4057",
    applies=differentiated,
)
class CellGradientOverwritten(Gradients):
    def step_back(self, step: Step, d: State, weights: LayerWeights) -> tuple[State, Parts]:
        return super().step_back(step, State(d.h, np.zeros_like(d.c)), weights)


@gradients(
    "gradient-recurrent-dropped",
    "passes nothing back to h_{t-1}: no gradient flows through R to earlier steps",
    "https://github.com/ooples/AiDotNet/pull/722",
    applies=differentiated,
)
class RecurrentGradientDropped(Gradients):
    def recurrent_back(self, dz: Array, weights: LayerWeights) -> Array:
        return np.zeros_like(super().recurrent_back(dz, weights))


@gradients(
    "gradient-peephole-to-cell-missing",
    "passes no gradient back to the cell state through the peepholes",
    applies=lambda case: differentiated(case) and case.peephole,
)
class PeepholeToCellMissing(Gradients):
    def cell_from_peephole(self, gate: int, da: Array, weights: LayerWeights) -> Array:
        return np.zeros_like(da)


@gradients(
    "gradient-output-peephole-uses-old-cell",
    "uses c_{t-1} instead of c_t in the gradient of the output peephole",
    applies=lambda case: differentiated(case) and output_sees("new-cell")(case),
)
class OutputPeepholeUsesOldCell(Gradients):
    def seen_c(self, step: Step) -> Array:
        return np.stack([step.old.c, step.old.c, step.old.c], axis=1)


@gradients(
    "gradient-output-peephole-uses-new-cell",
    "uses c_t in the gradient of the output peephole, where that sees c_{t-1}",
    applies=lambda case: differentiated(case) and output_sees("previous-cell")(case),
)
class OutputPeepholeUsesNewCell(Gradients):
    def seen_c(self, step: Step) -> Array:
        return np.stack([step.old.c, step.old.c, step.new.c], axis=1)


@gradients(
    "gradient-coupling-ignored",
    "leaves out of a gate's gradient the part from the coupled gate, which is 1 minus it",
    applies=lambda case: differentiated(case) and case.coupling is not None,
)
class CouplingIgnored(Gradients):
    def coupled_back(self, di: Array, df: Array) -> tuple[Array, Array]:
        kept = super().coupled_back(di, df)
        if self.case.coupling == "forget=1-input":
            return di, kept[1]
        return (kept[0], df) if self.case.coupling == "input=1-forget" else kept


@gradients(
    "gradient-clip-passed-through",
    "lets gradients through a clip where it bounded the value",
    applies=lambda case: differentiated(case) and clips(case),
)
class ClipPassedThrough(Gradients):
    def clip_back(self, dv: Array, unclipped: Array, bound: float) -> Array:
        return dv


@gradients(
    "gradient-norm-as-scale",
    "treats the mean and variance of a layer norm as constants",
    applies=lambda case: differentiated(case) and case.layer_norm is not None,
)
class NormAsScale(Gradients):
    def normalised_back(self, v: Array, dn: Array) -> Array:
        deviation = v - self.mean(v)
        result: Array = dn / np.sqrt(self.mean(deviation * deviation))
        return result


@gradients(
    "gradient-gates-igfo-for-ifgo",
    "computes the gradients of the gates in the order i, g, f, o and uses them as if the order were i, f, g, o",
    applies=differentiated,
)
class GatesInAnotherOrder(Gradients):
    def recurrent_back(self, dz: Array, weights: LayerWeights) -> Array:
        return super().recurrent_back(dz[:, [I, G, F, O]], weights)

    def input_back(self, dz: Array, weights: LayerWeights) -> Array:
        return super().input_back(dz[:, :, [I, G, F, O]], weights)

    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        swapped = {name: parts[name][:, :, [I, G, F, O]] for name in ("z", "bias")}
        found, right = (super(GatesInAnotherOrder, self).weights_back(scan, steps, p) for p in (parts | swapped, parts))
        return found | {name: right[name] for name in ("peephole",) if name in right}  # peepholes are separate tensors


# Weights and logits.


@gradients(
    "gradient-recurrent-weight-uses-new-h", "uses h_t instead of h_{t-1} in dL/dR", NEURON, applies=differentiated
)
class RecurrentWeightUsesNewH(Gradients):
    def seen_h(self, step: Step) -> Array:
        return step.new.h


@gradients(
    "gradient-biases-together",
    "gives b_w the gradients of both biases, and b_r none",
    applies=lambda case: differentiated(case) and case.bias,
)
class BiasesTogether(Gradients):
    def bias_back(self, scan: Scan, da: Array) -> tuple[Array, Array]:
        b_w, b_r = super().bias_back(scan, da)
        return b_w + b_r, np.zeros_like(b_r)


@gradients(
    "gradient-upper-recurrent-bias-zero",
    "gives b_r no gradient in the layers above the first",
    "https://github.com/apache/mxnet/issues/17818",
    applies=lambda case: differentiated(case) and case.bias and case.layers > 1,
)
class UpperRecurrentBiasZero(Gradients):
    def bias_back(self, scan: Scan, da: Array) -> tuple[Array, Array]:
        b_w, b_r = super().bias_back(scan, da)
        return (b_w, b_r) if scan.row < self.case.D else (b_w, np.zeros_like(b_r))


@gradients(
    "gradient-bias-of-forget-gate",
    "gives the biases of i and o the gradient of the bias of f",
    "https://github.com/hanbt/learn_dl/issues/53",
    applies=lambda case: differentiated(case) and case.bias,
)
class BiasOfForgetGate(Gradients):
    def bias_back(self, scan: Scan, da: Array) -> tuple[Array, Array]:
        return super().bias_back(scan, da[:, :, [F, F, G, F]])


@gradients(
    "gradient-weights-of-one-step",
    "overwrites the gradients of the weights at every step instead of adding to them",
    applies=differentiated,
)
class WeightsOfOneStep(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        last = self.order(scan.direction, len(steps))[0]  # the step that the backward pass reaches last
        kept = {name: np.zeros_like(part) for name, part in parts.items()}
        for name, part in parts.items():
            kept[name][last] = part[last]
        return super().weights_back(scan, steps, kept)


@gradients(
    "gradient-mean-over-rows",
    "divides the gradients of the weights by the number of rows",
    applies=lambda case: differentiated(case) and case.B > 1,
)
class MeanOverRows(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        return super().weights_back(scan, steps, {name: part / self.case.B for name, part in parts.items()})


@gradients(
    "gradient-projection-uses-cell",
    "uses Hh(c) instead of o Hh(c) in the gradient of the projection",
    applies=lambda case: differentiated(case) and case.P is not None,
)
class ProjectionUsesCell(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        found = super().weights_back(scan, steps, parts)
        if "projected" in parts:
            found["projection"] = outer(parts["projected"], np.stack([step.hh for step in steps]))
        return found


@gradients(
    "gradient-target-not-subtracted",
    "uses softmax(logits) as the gradient of a cross-entropy, without subtracting the target",
    applies=lambda case: differentiated(case) and case.cross_entropy,
)
class TargetNotSubtracted(Gradients):
    def cross_entropy_back(self, logits: Array, inputs: Inputs) -> Array:
        counted, weight = self.targets_counted(inputs)
        probabilities = np.exp(self.log_softmax(logits)) * weight
        return np.where(counted[..., None], probabilities, np.zeros_like(probabilities))
