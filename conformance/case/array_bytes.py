"""Arrays from the bytes of a safetensors file. Below the tables of tensors, whose sources may be such files."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
from numpy.typing import NDArray

_FROM_SAFETENSORS = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype(np.int64),
    "I8": np.dtype(np.int8),
    "BOOL": np.dtype(np.bool_),
}
SENDABLE = frozenset(_FROM_SAFETENSORS.values())
"""The dtypes that `to_bytes` and `from_bytes` support."""


def from_bytes(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file; raises safetensors.SafetensorError if it is not one.

    safetensors' own NumPy interface writes bfloat16 but cannot read it, so its core function is called directly.
    """
    tensors: dict[str, NDArray[Any]] = {}
    listed = safetensors.deserialize(data)  # type: ignore[no-untyped-call]  # in another order every time
    for name, entry in sorted(listed, key=itemgetter(0)):
        dtype = _FROM_SAFETENSORS[entry["dtype"]]
        tensors[name] = np.frombuffer(bytes(entry["data"]), dtype=dtype).reshape(entry["shape"])
    return tensors
