"""Extends an answer with too few steps or rows to the shape that it should have, so that it can be diagnosed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Outputs
from conformance.lstm.mistakes.base import cut_short


def lengthened(case: Case, outputs: Mapping[str, Any]) -> Outputs | None:
    """The outputs extended with NaN to the shapes of `case.outputs`, like those of mistakes that shorten.

    None if anything else is wrong with their form: the dtype, the type, or a size other than that of the first axis,
    which counts steps or rows of states.
    """
    found: Outputs = {}
    for name, shape in case.outputs.items():
        got = outputs.get(name)
        if not isinstance(got, np.ndarray) or got.dtype != case.np_dtype or got.ndim != len(shape):
            return None
        if got.shape[1:] != shape[1:] or (shape and got.shape[0] > shape[0]):
            return None
        found[name] = cut_short(got, shape[0]) if shape else got
    return found
