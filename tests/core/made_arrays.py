"""Shared by the tests of where numbers come from: a small case, the arrays that it gets, and their digest."""

import hashlib
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.golden.inputs import make_arrays

HEAD = {"O": 3}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 4, "B": 2, "I": 3, "H": 5} | fields)


def arrays(**fields: Any) -> Arrays:
    return make_arrays(case(**fields))


def tensors(**fields: Any) -> dict[str, Array]:
    return dict(arrays(**fields).flat)


def digest(*parts: Array) -> str:
    little = (np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes() for a in parts)
    return hashlib.sha256(b"".join(little)).hexdigest()
