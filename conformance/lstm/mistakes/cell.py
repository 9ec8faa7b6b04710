"""Mistakes of the cell's own equations: gates, biases, the new state."""

from __future__ import annotations

from conformance.case.tensors import Array, LayerWeights
from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.reference import F, Reference


class RecurrentBiasIgnored(Reference):
    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        z = super().recurrent_part(h, weights)
        return z if weights.b_r is None or self.case.layer_norm else z - weights.b_r


class ForgetBiasAfterSigmoid(Reference):
    def with_forget_bias(self, z_f: Array) -> Array:
        return z_f

    def squashed(self, act, gate, z):  # type: ignore[no-untyped-def]
        squashed = super().squashed(act, gate, z)
        return squashed + self.case.forget_bias if gate == F else squashed


MISTAKES = (
    Mistake(
        "recurrent-bias-ignored",
        "bias",
        "leaves the recurrent bias out",
        RecurrentBiasIgnored,
        link="https://github.com/apache/mxnet/issues/15745",
        applies=lambda case: case.bias,
    ),
    Mistake(
        "forget-bias-after-sigmoid",
        "forget bias",
        "adds the forget bias after the sigmoid instead of before it",
        ForgetBiasAfterSigmoid,
        link="https://github.com/apache/tvm/pull/3410",
        applies=lambda case: case.forget_bias != 0,
    ),
)
