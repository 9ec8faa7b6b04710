"""Which cases are worth asking: those whose outputs show something, and can be judged."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.tensor_table import INPUTS
from conformance.golden.build import demand_judgeable
from conformance.golden.design.factors import HALF
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa

_MOST_ALIKE = 0.75
"""The share of an output's elements that may have one magnitude: more of them at a bound hide what was bounded."""
_ROOM = 1.5
"""How much larger the noise may be than it is estimated here."""


def unfit(case: Case) -> str | None:
    """Why a case is not worth asking; None if it is.

    An output of which nearly all is one number, a bound or 0, does not show what was computed; one that rounding may
    change by its own size cannot be judged (conformance.golden.build).
    """
    arrays = make_arrays(case)
    with np.errstate(all="ignore"):
        outputs = reference_of(case.model_copy(update={"dtype": "float64"})).run(arrays.in_dtype(np.float64))
    info = ml_dtypes.finfo(case.np_dtype)
    largest, least = float(info.max) / 4, float(info.smallest_normal)
    for name, array in outputs.items():
        magnitudes = np.abs(array[array != 0]) if case.masked else np.abs(array).ravel()
        if not np.all(np.isfinite(array)) or np.max(magnitudes, initial=0.0) > largest:
            return f"{name} is not finite in {case.dtype}"
        if magnitudes.size == 0 or not np.any(magnitudes):
            return f"{name} is zero"
        if magnitudes.size > 3 and np.max(np.unique(magnitudes, return_counts=True)[1]) > _MOST_ALIKE * magnitudes.size:
            return f"{name} has one magnitude nearly everywhere"
        if not _risky(case) and np.max(magnitudes) < least:
            return f"{name} vanishes in {case.dtype}"
    if not _risky(case):
        return None
    noise = {name: _ROOM * each for name, each in kappa(case, arrays).items()}
    try:
        demand_judgeable(case, Vector(arrays, outputs, noise))
    except GenerationError as error:
        return str(error)
    return None


def _risky(case: Case) -> bool:
    """Whether rounding may matter so much that it is worth the time to find out: in half formats, norms, extremes."""
    numbers = any(getattr(case, name) not in (None, INPUTS[name].source) for name in ("x", "dy"))
    return case.dtype in HALF or case.layer_norm is not None or numbers
