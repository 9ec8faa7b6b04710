"""Mistakes of the gradients, where the forward answer is right and training is not; and of the loss itself."""

# ruff: noqa: D101, D102  (what each class does is said in the entry above it)
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs
from conformance.lstm.gradients import Gradients, Parts, outer, zeros_like
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import F, G, I, O, Reference, State
from conformance.lstm.tape import Scan, Step

gradients = Axis("gradients")
loss = Axis("loss")
NEURON = "https://github.com/wvabrinskas/Neuron/pull/181"


def differentiated(case: Case) -> bool:
    """Whether there are gradients at all."""
    return case.gradients is not None


def final_state(case: Case) -> bool:
    """Whether a gradient comes in through the final state."""
    return differentiated(case) and not case.cross_entropy and not case.dh_n is case.dc_n is None


def uses(case: Case, name: str) -> bool:
    """Whether an activation stands in one of the three places."""
    return any(name in (a.gate.name, a.cell.name, a.hidden.name) for a in case.activations)


def clips(case: Case) -> bool:
    """Whether the case has a clip."""
    return any(clip is not None for clip in (case.gate_clip, case.cell_clip, case.projection_clip))


# One step.


@gradients("gradient-input-gate-uses-input-gate", "takes i for g in dL/di = dL/dc g", NEURON, applies=differentiated)
class InputGateUsesInputGate(Gradients):
    def input_gate(self, step: Step, dc: Array) -> Array:
        return dc * step.i


@gradients("gradient-forget-gate-uses-new-cell", "takes c_t for c_{t-1} in dL/df", applies=differentiated)
class ForgetGateUsesNewCell(Gradients):
    def forget_gate(self, step: Step, dc: Array) -> Array:
        return dc * step.new.c


@gradients("gradient-output-gate-uses-cell", "takes c for Hh(c) in dL/do", applies=differentiated)
class OutputGateUsesCell(Gradients):
    def output_gate(self, step: Step, dm: Array) -> Array:
        return dm * step.new.c


@gradients(
    "gradient-tanh-derivative-of-output",
    "takes the derivative of tanh at tanh(z) for that at z",
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
    "takes the derivative of the sigmoid at sigmoid(z) for that at z",
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
    "forgets what later steps and c_n say of a cell state, and keeps what its own h says",
    "https://github.com/apache/mxnet/issues/4057",
    applies=differentiated,
)
class CellGradientOverwritten(Gradients):
    def step_back(self, step: Step, d: State, weights: LayerWeights) -> tuple[State, Parts]:
        return super().step_back(step, State(d.h, np.zeros_like(d.c)), weights)


@gradients(
    "gradient-recurrent-dropped",
    "gives nothing back to h_{t-1}: no gradient flows through R to earlier steps",
    "https://github.com/ooples/AiDotNet/pull/722",
    applies=differentiated,
)
class RecurrentGradientDropped(Gradients):
    def recurrent_back(self, dz: Array, weights: LayerWeights) -> Array:
        return np.zeros_like(super().recurrent_back(dz, weights))


@gradients(
    "gradient-peephole-to-cell-missing",
    "gives nothing back to the cell state through the peepholes",
    applies=lambda case: differentiated(case) and case.peephole,
)
class PeepholeToCellMissing(Gradients):
    def cell_from_peephole(self, gate: int, da: Array, weights: LayerWeights) -> Array:
        return np.zeros_like(da)


@gradients(
    "gradient-output-peephole-uses-old-cell",
    "takes c_{t-1} for c_t in the gradient of the output peephole",
    applies=lambda case: differentiated(case) and case.peephole,
)
class OutputPeepholeUsesOldCell(Gradients):
    def seen_c(self, step: Step) -> Array:
        return np.stack([step.old.c, step.old.c, step.old.c], axis=1)


@gradients(
    "gradient-coupling-ignored",
    "gives the gate that is 1 minus the other no part in the other's gradient",
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
    "lets gradients through a clip that has bounded something",
    applies=lambda case: differentiated(case) and clips(case),
)
class ClipPassedThrough(Gradients):
    def clip_back(self, dv: Array, unclipped: Array, bound: float) -> Array:
        return dv


@gradients(
    "gradient-norm-as-scale",
    "takes mean and variance of a layer norm for constants",
    applies=lambda case: differentiated(case) and case.layer_norm is not None,
)
class NormAsScale(Gradients):
    def normalised_back(self, v: Array, dn: Array) -> Array:
        deviation = v - self.mean(v)
        result: Array = dn / np.sqrt(self.mean(deviation * deviation))
        return result


@gradients(
    "gradient-gates-igfo-for-ifgo",
    "computes the gradients of the gates in the order i, g, f, o, and goes on as if it were i, f, g, o",
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
        return found | {name: right[name] for name in ("peephole",) if name in right}  # these are told apart by name


# Weights.


@gradients("gradient-recurrent-weight-uses-new-h", "takes h_t for h_{t-1} in dL/dR", NEURON, applies=differentiated)
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
    "gives the biases of i and o the gradient of that of f",
    "https://github.com/hanbt/learn_dl/issues/53",
    applies=lambda case: differentiated(case) and case.bias,
)
class BiasOfForgetGate(Gradients):
    def bias_back(self, scan: Scan, da: Array) -> tuple[Array, Array]:
        return super().bias_back(scan, da[:, :, [F, F, G, F]])


@gradients(
    "gradient-weights-of-one-step",
    "overwrites the gradients of the weights at every step where it should add to them",
    applies=differentiated,
)
class WeightsOfOneStep(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        last = steps.index(scan.steps[0])  # the step that the way back comes to last
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
    "takes Hh(c) for o Hh(c) in the gradient of the projection",
    applies=lambda case: differentiated(case) and case.P is not None,
)
class ProjectionUsesCell(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        found = super().weights_back(scan, steps, parts)
        if "projected" in parts:
            found["projection"] = outer(parts["projected"], np.stack([step.hh for step in steps]))
        return found


# Between steps, directions, layers, blocks.


@gradients("gradient-of-final-state-ignored", "lets no gradient in through h_n and c_n", applies=final_state)
class FinalStateIgnored(Gradients):
    def from_loss(self, arrays: Arrays, outputs: Outputs, found: Outputs) -> tuple[Array, Array, Array]:
        dy, dh_n, dc_n = super().from_loss(arrays, outputs, found)
        return dy, np.zeros_like(dh_n), np.zeros_like(dc_n)


@gradients(
    "gradient-of-final-cell-ignored",
    "lets no gradient in through c_n",
    "https://github.com/deeplearning4j/deeplearning4j/issues/8838",
    applies=lambda case: final_state(case) and case.dc_n is not None,
)
class FinalCellIgnored(Gradients):
    def from_loss(self, arrays: Arrays, outputs: Outputs, found: Outputs) -> tuple[Array, Array, Array]:
        dy, dh_n, dc_n = super().from_loss(arrays, outputs, found)
        return dy, dh_n, np.zeros_like(dc_n)


@gradients(
    "gradient-of-initial-state-zero",
    "gives h0 and c0 no gradient",
    applies=lambda case: differentiated(case) and not case.h0 is case.c0 is None,
)
class InitialStateZero(Gradients):
    def gradients(self, arrays: Arrays, outputs: Outputs) -> Outputs:
        found = super().gradients(arrays, outputs)
        return found | {name: np.zeros_like(found[name]) for name in ("d_h0", "d_c0")}


@gradients(
    "gradient-of-final-state-at-last-step",
    "lets gradients of h_n and c_n in at the end of the batch, and so not at all for shorter rows",
    applies=lambda case: final_state(case) and case.masked,
)
class FinalStateAtLastStep(Gradients):
    def scan_back(self, scan: Scan, direction: int, dy: Array, end: State) -> tuple[Array, State, Outputs]:
        if scan.valid is None:
            return super().scan_back(scan, direction, dy, end)
        read = scan.valid[-1 if not self.case.reverse(direction) else 0][:, None]
        return super().scan_back(scan, direction, dy, self.held(read, end, zeros_like(end)))


@gradients(
    "gradient-dx-overwrites-dy",
    "writes the dL/dx of the forward direction over the dL/dy that the other one has yet to read",
    "https://github.com/apache/mxnet/pull/18203",
    # Above the first layer x has the size of y, and one buffer may seem to be enough.
    applies=lambda case: (
        differentiated(case) and case.D == 2 and case.input_size(case.layers - 1) == 2 * case.output_size
    ),
)
class InputGradientOverwritesOutputs(Gradients):
    def dy_of(self, direction: int, dy: Array, dxs: Sequence[Array]) -> Array:
        reused = direction == 1 and dxs[0].shape == dy.shape
        return super().dy_of(direction, dxs[0] if reused else dy, dxs)


@gradients(
    "gradient-dx-of-one-direction",
    "gives x the gradient of the reverse direction alone",
    applies=lambda case: differentiated(case) and case.D == 2,
)
class InputGradientOfLastDirection(Gradients):
    def dx_of(self, dxs: Sequence[Array]) -> Array:
        return dxs[-1]


@gradients(
    "gradient-truncation-ignored",
    "lets gradients through the borders of blocks at which they are to end",
    "https://github.com/Lightning-AI/pytorch-lightning/pull/8145",
    applies=lambda case: case.gradients == "truncated",
)
class TruncationIgnored(Gradients):
    def detached(self, before: State) -> State:
        return before


@gradients(
    "gradient-truncated-in-h-alone",
    "detaches h at the border of a block, and not c",
    applies=lambda case: case.gradients == "truncated",
)
class TruncationOfHOnly(Gradients):
    def detached(self, before: State) -> State:
        return State(super().detached(before).h, before.c)


@gradients(
    "gradient-truncated-always",
    "ends every gradient at the border of a block",
    applies=lambda case: case.gradients == "whole" and case.blocks is not None,
)
class TruncatedAlways(Gradients):
    def across(self, t: int, before: State) -> State:
        borders = np.cumsum(self.case.blocks if self.case.blocks is not None else (self.case.T,))
        return self.detached(before) if t in borders else before


@gradients(
    "gradient-lost-in-padding",
    "gives nothing back through the steps that a row leaves out",
    applies=lambda case: differentiated(case) and case.masked,
)
class PaddingResetsGradient(Gradients):
    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        return super().past_left_out(valid, before, zeros_like(carried))


@gradients(
    "gradient-nan-of-padding",
    "multiplies what comes of the steps that a row leaves out by 0, which leaves a NaN that x holds there",
    applies=lambda case: differentiated(case) and case.masked and not math.isfinite(case.padding),
)
class NanOfPadding(Gradients):
    def put_away(self, x: Array, valid: Array) -> Array:
        return x

    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        others = self.held(valid, zeros_like(carried), carried)
        return State(before.h + others.h, before.c + others.c)


# The loss.


@loss(
    "loss-summed",
    "adds the cross-entropies up where it should take their mean",
    applies=lambda case: case.cross_entropy,
)
class LossSummed(Gradients):
    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        return super().targets_counted(inputs)[0], 1.0


@loss(
    "loss-divided-by-padding-too",
    "divides the sum of the cross-entropies by the number of all steps, those left out too",
    applies=lambda case: case.cross_entropy and case.masked,
)
class PaddingCounted(Gradients):
    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        counted, _ = super().targets_counted(inputs)
        return counted, 1.0 / counted.size


@gradients(
    "gradient-target-not-subtracted",
    "takes softmax(logits) for the gradient of a cross-entropy",
    applies=lambda case: differentiated(case) and case.cross_entropy,
)
class TargetNotSubtracted(Gradients):
    def cross_entropy_back(self, logits: Array, inputs: Inputs) -> Array:
        counted, weight = self.targets_counted(inputs)
        probabilities = np.exp(self.log_softmax(logits)) * weight
        return np.where(counted[..., None], probabilities, np.zeros_like(probabilities))


@loss(
    "loss-of-softmax-twice",
    "takes the cross-entropy of softmax(softmax(logits)): hands probabilities to a function that wants logits",
    applies=lambda case: case.cross_entropy,
)
class SoftmaxTwice(Reference):
    def cross_entropy(self, logits: Array, inputs: Inputs) -> Array:
        return super().cross_entropy(np.exp(self.log_softmax(logits)), inputs)


@loss(
    "softmax-over-rows",
    "takes the softmax over the rows of the batch instead of over the classes",
    applies=lambda case: case.cross_entropy or (case.head is not None and case.head.softmax),
)
class SoftmaxOverRows(Reference):
    def log_softmax(self, logits: Array) -> Array:
        return super().log_softmax(logits.swapaxes(-1, -2)).swapaxes(-1, -2)


@loss(
    "softmax-overflows",
    "takes e to the power of the logits as they are, which overflows for large ones",
    applies=lambda case: case.cross_entropy or (case.head is not None and case.head.softmax),
)
class SoftmaxOverflows(Reference):
    def log_softmax(self, logits: Array) -> Array:
        powers = np.exp(logits.astype(self.case.np_dtype)).astype(logits.dtype)
        result: Array = np.log(powers / np.sum(powers, axis=-1, keepdims=True))
        return result
