"""The batch-major layout at a framework's interface: x (B, T, I) in, y and the logits of every step (B, T, .) out.

States keep their axes, as with PyTorch's batch_first and TensorFlow's time_major=False, but not with ONNX's layout=1.
In the time-major layout these functions change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs


def given(case: Case, x: Array) -> Array:
    """x (T, B, I) in the interface's layout, in row-major order."""
    return np.array(x.swapaxes(0, 1), order="C") if case.layout == "batch_major" else x


def shape(case: Case, steps: int, rows: int) -> tuple[int, int]:
    """The first two axes of x at the interface."""
    return (rows, steps) if case.layout == "batch_major" else (steps, rows)


def canonical(case: Case, found: Iterable[Array]) -> Outputs:
    """The outputs of a case by name, time major, from what the interface returned in the order of `Case.outputs`."""
    outputs = dict(zip(case.outputs, found, strict=True))
    if case.layout == "batch_major":
        per_step = ["y"]
        if case.head is not None and case.head.after == "every_step":
            per_step += [name for name in ("logits", "probabilities") if name in outputs]
        outputs |= {name: np.array(outputs[name].swapaxes(0, 1), order="C") for name in per_step}
    return outputs
