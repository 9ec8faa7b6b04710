"""Contracts: what an adapter declares where the equations leave a choice, applied to golden values first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs


@dataclass(frozen=True)
class Contracts:
    """An adapter's declarations; stored golden values follow the defaults.

    padded_y: the value of y (and of logits of every step) where a row leaves a step out: `zeros`; the last y computed
    before it (`last`; zeros if there was none in the same call); or unspecified (`undefined`). Under `last`, the
    logits of a step left out are unspecified if there are two directions: they mix the y of two steps, and no golden
    value has that. empty_rows: h_n and c_n of a row of length 0: the `initial` state, or `zeros`. unjudged: outputs
    that nothing is known of.
    """

    padded_y: str = "zeros"
    empty_rows: str = "initial"
    unjudged: frozenset[str] = frozenset()

    def applied(self, case: Case, tensors: Outputs) -> Outputs:
        """Golden values, kappa or a mistake's outputs, changed to follow these contracts."""
        if not case.masked or self == DEFAULTS:
            return tensors
        result = dict(tensors)
        if self.padded_y == "last":
            # Final states are never padded, and a head on the last step does not go with lengths.
            result |= {name: _carried(case, result[name]) for name in self._promised(case) if name in result}
        if self.empty_rows == "zeros":
            # In a stream, final states are those of the last call, in which a row that has ended has length 0.
            last = case.block_steps[-1]
            empty = [row for row in range(case.B) if not any(t in range(case.T)[last] for t in case.valid_steps(row))]
            for name in ("h_n", "c_n"):
                result[name] = result[name].copy()
                result[name][:, empty] = 0.0
        return result

    def settled(self, case: Case, name: str, got: Array, want: Array) -> Array:
        """An answer's tensor, with the golden value in place of every element that the contracts leave unspecified.

        Args:
            got: of the tensor's shape in the case.
            want: the golden values, of the same shape, under these contracts.
        """
        if name in self.unjudged:
            return want.astype(got.dtype)
        if not case.masked or name not in _PER_STEP or name in self._promised(case):
            return got
        taken = np.zeros((case.T, case.B, 1), dtype=bool)
        for row in range(case.B):
            taken[case.valid_steps(row), row] = True
        settled: Array = np.where(taken, got, want.astype(got.dtype))
        return settled

    def _promised(self, case: Case) -> tuple[str, ...]:
        """Of the outputs with a time axis, those for which a step left out has a value."""
        if self.padded_y == "last" and case.D == 2:
            return ("y",)
        return () if self.padded_y == "undefined" else _PER_STEP


DEFAULTS = Contracts()
_PER_STEP = ("y", "logits", "probabilities")
"""The outputs with a time axis; with lengths or holes, all of these have one."""


def _carried(case: Case, per_step: Array) -> Array:
    """A tensor (T, B, n) in which a step that is left out repeats the previous one in the order of the scan.

    With two directions, n consists of two halves, each with its own order.
    """
    carried = per_step.copy()
    halves = np.split(np.arange(per_step.shape[-1]), case.D)
    for row in range(case.B):
        valid = set(case.valid_steps(row))
        for direction, half in enumerate(halves):
            for steps in case.block_steps:  # a call does not know the y of earlier calls
                before = None
                for t in range(case.T)[steps][:: -1 if case.reverse(direction) else 1]:
                    if t in valid:
                        before = t
                    elif before is not None:
                        carried[t, row, half] = per_step[before, row, half]
    return carried
