"""Builds the vector of one case: makes inputs, proves outputs, computes kappa, and checks the reference; or refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.inputs import make_arrays
from conformance.golden.lint import findings
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.verdict.noise import noise, unit


@dataclass(frozen=True)
class Built:
    """A vector and the findings from building it.

    bits: the oracle's. reference_noise: the reference's worst noise against the oracle. lint: what the rules of
    conformance.golden.lint find in its numbers, regardless of exemptions.
    """

    vector: Vector
    bits: int
    reference_noise: float
    lint: dict[str, str]


def build(case: Case) -> Built:
    """The vector of a case.

    Raises:
        GenerationError: python-flint is missing; no proof was found; the reference disagrees with the oracle; or
            rounding alone could move the outputs by as much as their own size, or they do not fit their dtype.
    """
    try:
        from conformance.lstm.oracle import prove
    except ImportError as error:
        if error.name != "flint":
            raise
        raise GenerationError(
            f"{case.id}: generating golden values needs python-flint: pip install python-flint"
        ) from error
    arrays = make_arrays(case)
    proof = prove(case, arrays)
    stored = Vector.from_bytes(Vector(arrays, proof.outputs, kappa(case, arrays)).to_bytes())
    demand_judgeable(case, stored)
    worst = _reference_noise(case, arrays, stored)
    most = NOISE_ALLOWED["float64"]
    if not worst <= most:
        raise GenerationError(f"{case.id}: reference and oracle disagree: noise {worst:.3g}, allowed {most:g}")
    return Built(stored, proof.bits, worst, findings(case, arrays))


def _reference_noise(case: Case, arrays: Arrays, vector: Vector) -> float:
    got = reference_of(case.model_copy(update={"dtype": "float64"})).run(arrays.in_dtype(np.float64))
    return max(float(noise(got[n], g, vector.kappa[n], "float64").max(initial=0.0)) for n, g in vector.golden.items())


def demand_judgeable(case: Case, vector: Vector) -> None:
    """Refuse a case with an output that cannot be judged in its dtype: honest rounding may change all of it.

    Raises:
        GenerationError: it has one.
    """
    allowed = case.tolerance.terms(case.dtype).get("noise")
    if allowed is None:
        return
    info = ml_dtypes.finfo(case.np_dtype)
    for name, golden in vector.golden.items():
        largest = float(np.max(np.abs(golden[np.isfinite(golden)]), initial=0.0))
        units = unit(golden, vector.kappa[name], case.dtype)
        rounding = float(np.max(units, initial=0.0))
        if largest > float(info.max):
            problem = f"too large to judge in {case.dtype}: {name} has the element {largest:.2g}"
        elif largest and allowed * rounding >= largest:
            problem = (
                f"too ill-conditioned to judge in {case.dtype}: honest rounding may move {name} by "
                f"{allowed * rounding:.2g}, but its largest element is {largest:.2g}"
            )
        elif 0 < np.min(units, initial=math.inf) < float(info.smallest_subnormal) / 2 * math.sqrt(_summed(case, name)):
            problem = (
                f"too small to judge in {case.dtype}: the largest element of {name} is {largest:.2g}, and numbers of "
                f"this size are rounded to multiples of {float(info.smallest_subnormal):.2g}"
            )
        else:
            continue
        raise GenerationError(f"{case.id}: {problem}")


def _summed(case: Case, name: str) -> int:
    """How many terms an element of an output is the sum of, each rounded as the smallest numbers are."""
    given = ("d_x", "d_h0", "d_c0")
    return case.T * case.B if name.startswith("d_") and name not in given else 1
