"""Mistakes in the loss: softmax and cross-entropy."""

from __future__ import annotations

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs
from conformance.lstm.gradients import Gradients
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.reference import Reference

loss = Axis("loss")


def _masks_a_reverse_loss(case: Case) -> bool:
    every_step = case.head is not None and case.head.after == "every_step"
    return case.cross_entropy and every_step and leaves_out(case) and case.direction == "reverse"


@loss(
    "loss-summed",
    "sums the cross-entropies instead of taking their mean",
    applies=lambda case: case.cross_entropy,
)
class LossSummed(Gradients):
    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        return super().targets_counted(inputs)[0], 1.0


@loss(
    "loss-divided-by-padding-too",
    "divides the sum of the cross-entropies by the number of all steps, including those left out",
    applies=lambda case: case.cross_entropy and case.masked,
)
class PaddingCounted(Gradients):
    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        counted, _ = super().targets_counted(inputs)
        return counted, 1.0 / counted.size


@loss(
    "loss-mask-reversed",
    "takes the mask of the loss of a reverse scan in reverse, so that other steps count",
    "https://github.com/keras-team/keras/issues/6022",
    applies=_masks_a_reverse_loss,
)
class LossMaskReversed(Gradients):
    def targets_counted(self, inputs: Inputs) -> tuple[Array, float]:
        counted, weight = super().targets_counted(inputs)
        valid = self.valid(inputs.x, inputs)
        if valid is None or not _masks_a_reverse_loss(self.case):
            return counted, weight
        counted = counted & valid[::-1]
        return counted, 1.0 / max(int(counted.sum()), 1)


@loss(
    "loss-of-softmax-twice",
    "takes the cross-entropy of softmax(softmax(logits)): passes probabilities to a function that expects logits",
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
    "computes e^logit without subtracting the maximum first, which overflows for large logits",
    applies=lambda case: case.cross_entropy or (case.head is not None and case.head.softmax),
)
class SoftmaxOverflows(Reference):
    def log_softmax(self, logits: Array) -> Array:
        powers = np.exp(logits.astype(self.case.np_dtype)).astype(logits.dtype)
        result: Array = np.log(powers / np.sum(powers, axis=-1, keepdims=True))
        return result
