"""The test for systematic error: whether the errors of a tensor point one way more than honest rounding lets them.

The largest error lets a bias of one unit in every operation pass: an engine that rounds toward zero instead of to
nearest doubles the error of each operation, which is still within the tolerance. The mean error shows it, because
honest errors cancel in it (docs/noise-units.md#systematic-error).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from conformance.case.dtypes import BIAS_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.products import Shared, shared_errors
from conformance.case.tensors import Array

FEWEST = 8
"""A tensor with fewer different golden values is not judged: a mean of so few says nothing."""
FEWEST_UNITS = 4
"""Outputs of cells with fewer units are not judged: one rounding of each bias, in every step and row, decides them."""
OUTLIER = 6.0
"""The most kappa that one error counts in the mean, so that no single one decides."""
CHANCE = 4.0
"""How many standard deviations of the mean are put down to chance."""


@dataclass(frozen=True)
class Bias:
    """The mean error of a tensor, in units of u times its mean kappa: of the error that one element has on average.

    mean: signed; of the two means, along the number line and away from zero, the one that is further from 0.
    independent: the standard deviation of the mean if all errors are independent and as large as kappa says.
    values: how many different golden values it is the mean of. outward: whether a positive mean is an error away from
    zero, not upward. shared_variance: gives what the errors that elements share add to the square of `independent`.
    """

    mean: float
    independent: float
    values: int
    outward: bool
    shared_variance: Callable[[], float] = field(compare=False, repr=False)

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of the mean."""
        return math.sqrt(self.independent**2 + self.shared_variance())

    @property
    def beyond_chance(self) -> float:
        """The part of the mean, without its sign, that chance does not explain."""
        if abs(self.mean) <= CHANCE * self.independent:  # nearly always; what elements share costs more to find out
            return 0.0
        return max(0.0, abs(self.mean) - CHANCE * self.deviation)

    def problem(self, precision: str) -> str:
        """What is wrong, as the part of a sentence after the name of the tensor."""
        ways = ("toward zero", "away from zero") if self.outward else ("downward", "upward")
        return (
            f"biased: the mean error of {self.values} values is {abs(self.mean):.3g} kappa {ways[self.mean > 0]}, "
            f"{abs(self.mean) / self.deviation:.3g} standard deviations; "
            f"allowed {BIAS_ALLOWED[precision]:g} kappa and {CHANCE:g} standard deviations"
        )


def bias_of(case: Case, name: str, got: Array, golden: Array, kappa: Array, precision: str) -> Bias | None:
    """The bias of an output of a case (`bias`); None where it cannot be judged."""
    if case.H < FEWEST_UNITS and not name.startswith("d_"):
        return None
    return bias(got, golden, kappa, precision, case.np_dtype, shared_errors(case, name))


def bias(
    got: Array,
    golden: Array,
    kappa: Array,
    precision: str,
    dtype: np.dtype[Any],
    shared: Shared | None = None,
) -> Bias | None:
    """The bias of a tensor; None where there are too few values for one.

    Equal golden values count once, with the mean of their errors: where a state has settled, or weights are equal, one
    rounding is repeated, and repeating it does not make it more certain. NaN, infinities and values that no operation
    rounds (kappa 0) do not count.

    Args:
        got: of any float dtype; finite where golden is.
        golden, kappa: float64, of the same shape.
        precision: the format that the answer is judged in. dtype: that of the case.
        shared: within what the elements share errors, see `conformance.case.products`.
    """
    counted = np.isfinite(golden) & (kappa > 0)
    want, spread = golden[counted], kappa[counted]
    if len(want) < FEWEST:
        return None
    values = want.astype(dtype).astype(np.float64)
    first = _begins(np.sort(values))  # sorting is fast; the order, where there are equal values, is not
    if len(first) < FEWEST:
        return None
    sign, parts = np.sign(want), spread  # parts: of the group's kappa that each element has
    errors = (got[counted].astype(np.float64) - want) / UNIT_ROUNDOFF[precision]
    if len(first) < len(want):
        order, sizes = np.argsort(values, kind="stable"), np.diff(first, append=len(want))
        errors, spread = (np.add.reduceat(each[order], first) / sizes for each in (errors, spread))
        sign = sign[order[first]]
        parts[order] /= np.repeat(sizes, sizes)
    errors = np.clip(errors, -OUTLIER * spread, OUTLIER * spread)
    upward, outward, total = (float(np.sum(each)) for each in (errors, errors * sign, spread))
    mean, alone = max(upward, outward, key=abs) / total, math.sqrt(float(spread @ spread)) / total

    def shared_variance() -> float:
        if shared is None:
            return 0.0
        return _shared_variance(_in_place(parts / total, counted), _in_place(want, counted), shared)

    return Bias(mean, alone, len(first), abs(outward) > abs(upward), shared_variance)


def _begins(ranked: Array) -> Array:
    """Where each group of equal values begins, in sorted values."""
    new = np.ones(len(ranked), dtype=bool)
    np.not_equal(ranked[1:], ranked[:-1], out=new[1:])
    return np.flatnonzero(new)


def _in_place(numbers: Array, counted: Array) -> Array:
    """The numbers where they are counted, 0 elsewhere."""
    found = np.zeros(counted.shape)
    found[counted] = numbers
    return found


def _shared_variance(parts: Array, golden: Array, shared: Shared) -> float:
    """The variance that shared errors add to a sum of errors as large as `parts`.

    Were all errors of a row one error, their sum would have the variance (sum of the row)^2; and so for a column.
    """
    parts, golden = (each.reshape(-1, each.shape[-1]) for each in (parts, golden))
    sides = [(parts, golden)] if "rows" in shared else []
    sides += [(parts.T, golden.T)] if "columns" in shared else []
    return sum(float(np.sum(np.sum(part, axis=1) ** 2)) * _alike(want) for part, want in sides)


def _alike(golden: Array) -> float:
    """How far the errors of a row are one error, from 0 to 1: the mean squared cosine between the columns.

    Columns that are sums of N products, each with a factor of the row, have the cosine 1 if N is 1, and a mean squared
    cosine of 1/N if the products are independent and equally large. Columns of R numbers have 1/R by chance, which is
    taken off. A single row tells nothing, so its errors are put down to one.
    """
    scaled = golden / max(float(np.max(np.abs(golden))), np.finfo(np.float64).tiny)
    lengths = np.sqrt(np.sum(scaled**2, axis=0))
    scaled = scaled[:, lengths > 0] / lengths[lengths > 0]
    rows, columns = int(np.count_nonzero(scaled.any(axis=1))), scaled.shape[1]
    if rows < 2 or columns < 2:
        return 1.0
    products = scaled.T @ scaled if columns < rows else scaled @ scaled.T  # of the same sum of squares
    cosines = (float(np.sum(products**2)) - columns) / (columns * (columns - 1))
    by_chance = 1.0 / rows
    return float(np.clip((cosines - by_chance) / (1.0 - by_chance), 0.0, 1.0))
