"""What the adapters of engines that quantise to 8-bit integers have in common."""

from __future__ import annotations

import numpy as np

from conformance.adapters.base import Adapter
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights


class Int8(Adapter):
    """Refuses what integers do not have."""

    def run(self, case: Case, weights: Weights, inputs: Inputs) -> Outputs:
        """The framework's answer to a case without NaN and infinities.

        Raises:
            UnsupportedOption: a weight, an input at a step that counts or a state is NaN or infinite.
        """
        if not all(np.isfinite(array).all() for array in _numbers(case, weights, inputs)):
            raise UnsupportedOption(f"{self.name}: 8-bit integers hold no NaN and no infinity")
        return super().run(case, weights, inputs)


def _numbers(case: Case, weights: Weights, inputs: Inputs) -> list[Array]:
    """All numbers that an answer depends on."""
    x = inputs.x
    if case.masked:
        counts = np.zeros(x.shape[:2], bool)
        for row in range(case.B):
            counts[list(case.valid_steps(row)), row] = True
        x = x[counts]
    return [*weights.flat.values(), x, *(state for state in (inputs.h0, inputs.c0) if state is not None)]
