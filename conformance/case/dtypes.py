"""Number formats: their NumPy dtypes, their unit roundoffs, and the short names used in case ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
else:
    Array = Any  # so that specs are read, checked and listed without waiting for NumPy

DTypeName = Literal["float16", "bfloat16", "float32", "float64"]
Precision = Literal["int8", "int8-by-row", "float16", "bfloat16", "tf32", "float32", "float64"]

UNIT_ROUNDOFF: dict[str, float] = {
    "int8": 2.0**-8,
    "int8-by-row": 2.0**-8,
    "bfloat16": 2.0**-8,
    "float16": 2.0**-11,
    "tf32": 2.0**-11,
    "float32": 2.0**-24,
    "float64": 2.0**-53,
}
"""Half the distance from 1 to the next larger number: the largest relative error of one rounding to nearest."""

INTEGERS = frozenset({"int8", "int8-by-row"})
"""Weights, and the factors of their products, in 8-bit integers: a scale for each matrix, or for each of its rows."""

NOISE_ALLOWED: dict[str, float] = {
    "int8": 8.0,
    "int8-by-row": 8.0,
    "bfloat16": 5.0,
    "float16": 8.0,
    "tf32": 8.0,
    "float32": 11.0,
    "float64": 11.0,
}
"""The noise that a case allows if it does not say otherwise, by the format that the answer is judged in.

The least whole number that is 1.5 times the worst honest answer of all adapters (docs/honest.json); no adapter computes
in tf32, which has float16's unit roundoff, and int8-by-row is that of one engine alone, so it has what int8 has.
"""

BIAS_ALLOWED: dict[str, float] = {"bfloat16": 0.25, "float16": 0.25, "tf32": 0.25, "float32": 1.5, "float64": 0.25}
"""The mean error that is allowed beyond what chance explains, in kappa, by the format that the answer is judged in.

The least quarter that is 1.5 times the worst honest one of all adapters (docs/honest.json). Integers have none: the
rounding error of a weight is the same in every step and row, so their mean says nothing.
"""

SHORT = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a format name (bfloat16 is that of the ml_dtypes package)."""
    # Imported here so that reading and listing specs does not wait for NumPy.
    import ml_dtypes
    import numpy as np

    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
