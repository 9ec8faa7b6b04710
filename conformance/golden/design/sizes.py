"""What the vector of a row costs: operations of its proof, and bytes on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from conformance.case.model import Case
from conformance.golden.vector import REMADE_FROM, tensors_of
from conformance.golden.work import cost

MOST_BYTES = 14_000
"""The most bytes of a stored vector, twice as many in float64; a larger one is made on demand."""
MOST_OPERATIONS = 3e6
"""The most operations of a stored vector (work.cost, three times as many with gradients): seconds of proof."""
MOST_ON_DEMAND = 1.6e7
"""The same for one on demand."""
_OF_GRADIENTS = 3.0
_OF_INPUTS = 2_500
"""About what the small tensors of a layer and direction take."""


def operations(case: Case) -> float:
    """What a vector costs to make, in operations."""
    return cost(case) * (_OF_GRADIENTS if case.gradients is not None else 1.0)


def stored_bytes(case: Case) -> int:
    """The size of a vector, in which large uniform tensors are digests."""
    total = 0
    for name, (dtype, shape) in tensors_of(case).items():
        size = dtype.itemsize * math.prod(shape)
        if name.startswith("golden."):
            total += size + math.prod(shape)
        else:
            total += size if size <= REMADE_FROM else 32
    return total


def storable(case: Case) -> bool:
    """Whether a case's vector is small and cheap enough to be stored."""
    return operations(case) <= MOST_OPERATIONS and stored_bytes(case) <= _most_bytes(case.dtype)


def _most_bytes(dtype: str) -> int:
    return MOST_BYTES * (2 if dtype == "float64" else 1)


def cheap(row: Mapping[str, Any]) -> bool:
    """Whether a row may be storable. Of what is not known of it the least is assumed."""
    count, stored = _least(row)
    return count <= MOST_OPERATIONS and stored <= _most_bytes(row.get("dtype", "float64"))


def affordable(row: Mapping[str, Any]) -> bool:
    """Whether a row's vector may at least be made on demand."""
    return _least(row)[0] <= MOST_ON_DEMAND


def _least(row: Mapping[str, Any]) -> tuple[float, float]:
    """The operations and bytes of a row, at least; a size that is not known counts as 1."""
    T, B, I, H = (row.get(name) or 1 for name in "TBIH")
    P = row["P"] or H if "P" in row else 1
    D = 2 if row.get("direction") == "bidirectional" else 1
    L = int(row.get("layers", "1")[0])
    weights = D * (4 * H * (I + P) + (L - 1) * 4 * H * (D + 1) * P + (L * P * H if row.get("P") else 0))
    trained = row.get("gradients", "no gradients") != "no gradients"
    count = T * B * (weights + 200 * H * L * D) * (_OF_GRADIENTS if trained else 1.0)
    per_step = 1 if "last step" in row.get("head", "last step") else T
    golden = (
        T * B * D * P + L * D * B * (H + P) + per_step * B * (row.get("O") or 0) * (1 + (row.get("head") == "softmax"))
    )
    if trained:
        golden += weights + T * B * I + L * D * (B * (H + P) + 4 * H)
    return count, 9.0 * golden + _OF_INPUTS * L * D
