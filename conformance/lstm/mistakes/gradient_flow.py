"""Mistakes in how gradients flow between steps, directions, layers and blocks, and at the ends of a scan."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.cell_gradients import Parts
from conformance.lstm.gradients import Gradients, outer, zeros_like
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.mistakes.gradients import differentiated, final_state
from conformance.lstm.step import Scan, State, Step
from conformance.lstm.tape import Taped

flow = Axis("gradient flow")


@flow("gradient-of-final-state-ignored", "ignores the gradients of h_n and c_n", applies=final_state)
class FinalStateIgnored(Gradients):
    def from_loss(self, arrays: Arrays, outputs: Outputs, found: Outputs) -> tuple[Array, Array, Array]:
        dy, dh_n, dc_n = super().from_loss(arrays, outputs, found)
        return dy, np.zeros_like(dh_n), np.zeros_like(dc_n)


@flow(
    "gradient-of-final-cell-ignored",
    "ignores the gradient of c_n",
    "https://github.com/deeplearning4j/deeplearning4j/issues/8838",
    applies=lambda case: final_state(case) and case.dc_n is not None,
)
class FinalCellIgnored(Gradients):
    def from_loss(self, arrays: Arrays, outputs: Outputs, found: Outputs) -> tuple[Array, Array, Array]:
        dy, dh_n, dc_n = super().from_loss(arrays, outputs, found)
        return dy, dh_n, np.zeros_like(dc_n)


@flow(
    "gradient-of-initial-state-zero",
    "returns zero gradients for h0 and c0",
    applies=lambda case: differentiated(case) and not case.h0 is case.c0 is None,
)
class InitialStateZero(Gradients):
    def gradients(self, arrays: Arrays, outputs: Outputs) -> Outputs:
        found = super().gradients(arrays, outputs)
        return found | {name: np.zeros_like(found[name]) for name in ("d_h0", "d_c0")}


@flow(
    "gradient-of-final-state-at-last-step",
    "adds the gradients of h_n and c_n at the last step of the batch, so that shorter rows do not get them",
    applies=lambda case: final_state(case) and case.masked,
)
class FinalStateAtLastStep(Gradients):
    def scan_back(self, taped: Taped, dy: Array, end: State) -> tuple[Array, State, Outputs]:
        if (valid := taped.scan.valid) is not None:
            read = valid[0 if self.case.reverse(taped.scan.direction) else -1][:, None]
            end = self.held(read, end, zeros_like(end))
        return super().scan_back(taped, dy, end)


@flow(
    "gradient-dx-overwrites-dy",
    "writes the dL/dx of the forward direction over the dL/dy that the other direction has yet to read",
    "https://github.com/apache/mxnet/pull/18203",
    # Above the first layer x has the size of y, so one buffer may seem to be enough.
    applies=lambda case: (
        differentiated(case) and case.D == 2 and case.input_size(case.layers - 1) == 2 * case.output_size
    ),
)
class InputGradientOverwritesOutputs(Gradients):
    def dy_of(self, direction: int, dy: Array, dxs: Sequence[Array]) -> Array:
        reused = direction == 1 and dxs[0].shape == dy.shape
        return super().dy_of(direction, dxs[0] if reused else dy, dxs)


@flow(
    "gradient-dx-of-one-direction",
    "gives x the gradient of the reverse direction only",
    applies=lambda case: differentiated(case) and case.D == 2,
)
class InputGradientOfLastDirection(Gradients):
    def dx_of(self, dxs: Sequence[Array]) -> Array:
        return dxs[-1]


@flow(
    "gradient-truncation-ignored",
    "lets gradients through the borders of blocks at which they should end",
    "https://github.com/Lightning-AI/pytorch-lightning/pull/8145",
    applies=lambda case: case.gradients == "truncated",
)
class TruncationIgnored(Gradients):
    def detached(self, before: State) -> State:
        return before


@flow(
    "gradient-truncated-in-h-alone",
    "detaches h at the border of a block, but not c",
    applies=lambda case: case.gradients == "truncated",
)
class TruncationOfHOnly(Gradients):
    def detached(self, before: State) -> State:
        return State(super().detached(before).h, before.c)


@flow(
    "gradient-of-ended-row-not-truncated",
    "lets the gradient of the final state of a row that has ended through the borders of the blocks after it",
    applies=lambda case: case.gradients == "truncated" and final_state(case) and min(case.block_lengths[-1]) == 0,
)
class EndedRowNotTruncated(Gradients):
    valid_steps: Array | None

    def scan_back(self, taped: Taped, dy: Array, end: State) -> tuple[Array, State, Outputs]:
        self.valid_steps = taped.scan.valid
        return super().scan_back(taped, dy, end)

    def across(self, t: int, before: State) -> State:
        detached = super().across(t, before)
        if self.valid_steps is None:
            return detached
        goes_on: Array = np.any(self.valid_steps[t:], axis=0, keepdims=True).T
        return self.held(goes_on, detached, before)


@flow(
    "gradient-truncated-always",
    "ends every gradient at the border of a block, though gradients go through the whole stream",
    applies=lambda case: case.gradients == "whole" and case.blocks is not None,
)
class TruncatedAlways(Gradients):
    def across(self, t: int, before: State) -> State:
        return self.detached(before) if t in [steps.start for steps in self.case.block_steps[1:]] else before


@flow(
    "gradient-lost-in-padding",
    "passes no gradient back through the steps that a row leaves out",
    applies=lambda case: differentiated(case) and case.masked,
)
class PaddingResetsGradient(Gradients):
    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        return super().past_left_out(valid, before, zeros_like(carried))


@flow(
    "gradient-nan-of-padding",
    "multiplies the gradients of the steps that a row leaves out by 0, which keeps the NaN that x holds there",
    applies=lambda case: differentiated(case) and case.masked and not math.isfinite(case.padding),
)
class NanOfPadding(Gradients):
    def without_padding(self, x: Array, valid: Array) -> Array:
        return x

    def past_left_out(self, valid: Array, before: State, carried: State) -> State:
        others = self.held(valid, zeros_like(carried), carried)
        return State(before.h + others.h, before.c + others.c)


@flow(
    "gradient-recurrent-weight-without-h0",
    "uses 0 instead of h0 in dL/dR where a row begins its reverse scan behind padding",
    applies=lambda case: differentiated(case) and case.masked and case.direction != "forward" and case.h0 is not None,
)
class RecurrentWeightWithoutH0(Gradients):
    def weights_back(self, scan: Scan, steps: Sequence[Step], parts: Parts) -> Outputs:
        found = super().weights_back(scan, steps, parts)
        if scan.valid is not None and self.case.reverse(scan.direction):
            seen = np.stack([self.seen_h(step) for step in steps])
            seen[:-1] = np.where(scan.valid[1:, :, None], seen[:-1], 0.0)  # y of the step before, in the scan's order
            found["R"] = outer(parts["z"], seen)
        return found
