"""What the equations leave open, as an adapter declares it, applied to golden values before they are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs


@dataclass(frozen=True)
class Contracts:
    """padded_y: what y (and logits of every step) hold where a row leaves a step out: `zeros`, or the y computed before
    it (`last`; zeros where there was none). empty_rows: h_n and c_n of a row of length 0: `initial` state, or `zeros`.

    Stored golden values are those of the defaults.
    """

    padded_y: str = "zeros"
    empty_rows: str = "initial"

    def applied(self, case: Case, tensors: Outputs) -> Outputs:
        """Golden values, or kappa, or a mistake's outputs, as these contracts want them."""
        if not case.masked or self == Contracts():
            return tensors
        result = dict(tensors)
        if self.padded_y == "last":
            # Final states are never padded; logits of the last step alone go without lengths.
            result |= {name: _carried(case, result[name]) for name in ("y", "logits") if name in result}
        if self.empty_rows == "zeros":
            empty = [row for row in range(case.B) if not case.valid_steps(row)]
            for name in ("h_n", "c_n"):
                result[name] = result[name].copy()
                result[name][:, empty] = 0.0
        return result


def _carried(case: Case, per_step: Array) -> Array:
    """A tensor (T, B, n) in which a step that is left out repeats the one before it in the order of the scan."""
    carried = per_step.copy()
    for row in range(case.B):
        valid = np.zeros(case.T, np.bool_)
        valid[case.valid_steps(row)] = True
        before = None
        for t in range(case.T)[::-1] if case.direction == "reverse" else range(case.T):
            if valid[t]:
                before = t
            elif before is not None:
                carried[t, row] = per_step[before, row]
    return carried
