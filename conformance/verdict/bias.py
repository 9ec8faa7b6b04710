"""The test for systematic error: whether the errors of a tensor point one way more than honest rounding lets them.

The largest error lets a bias of one unit in every operation pass: an engine that rounds toward zero instead of to
nearest doubles the error of each operation, which is still within the tolerance. The mean error shows it, because
honest errors cancel in it (docs/noise-units.md#systematic-error).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.dtypes import BIAS_ALLOWED, UNIT_ROUNDOFF
from conformance.case.tensors import Array

FEWEST = 8
"""A tensor with fewer different golden values is not judged: a mean of so few says nothing."""
OUTLIER = 6.0
"""The most kappa that one error counts in the mean, so that no single one decides."""
CHANCE = 4.0
"""How many standard deviations of the mean are put down to chance."""


@dataclass(frozen=True)
class Bias:
    """The mean error of a tensor, in units of u times its mean kappa: of the error that one element has on average.

    mean: signed; of the two means, along the number line and away from zero, the one that is further from 0.
    deviation: the standard deviation of the mean if all errors are independent and as large as kappa says.
    values: how many different golden values it is the mean of. outward: whether a positive mean is an error away from
    zero, not upward.
    """

    mean: float
    deviation: float
    values: int
    outward: bool

    @property
    def beyond_chance(self) -> float:
        """The part of the mean, without its sign, that chance does not explain."""
        return max(0.0, abs(self.mean) - CHANCE * self.deviation)

    def problem(self, precision: str) -> str:
        """What is wrong, as the part of a sentence after the name of the tensor."""
        ways = ("toward zero", "away from zero") if self.outward else ("downward", "upward")
        return (
            f"biased: the mean error of {self.values} values is {abs(self.mean):.3g} kappa {ways[self.mean > 0]}, "
            f"{abs(self.mean) / self.deviation:.3g} standard deviations; "
            f"allowed {BIAS_ALLOWED[precision]:g} kappa and {CHANCE:g} standard deviations"
        )


def bias(got: Array, golden: Array, kappa: Array, precision: str, dtype: np.dtype[Any]) -> Bias | None:
    """The bias of a tensor; None where there are too few values for one.

    Equal golden values count once, with the mean of their errors: where a state has settled, or weights are equal, one
    rounding is repeated, and repeating it does not make it more certain. NaN, infinities and values that no operation
    rounds (kappa 0) do not count.

    Args:
        got: of any float dtype; finite where golden is.
        golden, kappa: float64, of the same shape.
        precision: the format that the answer is judged in. dtype: that of the case.
    """
    counted = np.isfinite(golden) & (kappa > 0)
    if np.count_nonzero(counted) < FEWEST:
        return None
    want = golden[counted]
    _, first, group, size = np.unique(want.astype(dtype), return_index=True, return_inverse=True, return_counts=True)
    if len(first) < FEWEST:
        return None
    spread = np.bincount(group, kappa[counted]) / size
    errors = np.bincount(group, got[counted].astype(np.float64) - want) / (size * UNIT_ROUNDOFF[precision])
    errors = np.clip(errors, -OUTLIER * spread, OUTLIER * spread)
    upward, outward, total = (float(np.sum(each)) for each in (errors, errors * np.sign(want[first]), spread))
    mean = max(upward, outward, key=abs) / total
    return Bias(mean, float(np.sqrt(np.sum(spread**2))) / total, len(first), abs(outward) > abs(upward))
