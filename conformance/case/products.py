"""Which output tensors have elements that share errors, because they have a factor in common.

An element of d_W is a sum of dz[n, j] * x[n, i] over steps and batch rows n: the error of one dz[n, j] is in the whole
row j, that of one x[n, i] in the whole column i. An element of h = W_p m shares the errors of m with its row; W_p is
exact. And where the gates are clipped, a gate is the same number in many steps and rows of a unit, with the same error.
Elements of other tensors have factors of their own.
"""

from __future__ import annotations

from typing import Literal

from conformance.case.model import Case
from conformance.case.tensor_table import HEAD_WEIGHTS, LAYER_WEIGHTS

Shared = Literal["rows", "columns", "rows and columns"]

_MULTIPLIED = {"x": "W", "h0": "R"}
"""The inputs that a matrix multiplies; their gradient is its transpose times dL/dz."""


def shared_errors(case: Case, name: str) -> Shared | None:
    """Within what the elements of an output share errors, as a matrix with the tensor's last axis as its columns.

    Args:
        case: the case. name: of one of its outputs.
    """
    kind = name.removeprefix("d_").partition(".")[0]
    if name.startswith("d_") and kind not in _MULTIPLIED:
        weight = (LAYER_WEIGHTS | HEAD_WEIGHTS).get(kind)
        return "rows and columns" if weight is not None and weight.is_matrix else None
    if name in ("y", "h_n", "c_n"):
        projected, clipped = case.P is not None and name != "c_n", case.gate_clip is not None
        if projected:
            return "rows and columns" if clipped else "rows"
        return "columns" if clipped else None
    return "rows" if kind in _MULTIPLIED or name in ("logits", "probabilities") else None
