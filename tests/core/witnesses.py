"""Shared by the tests of a case's options: the two witnesses of a golden value, and how far two answers are apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.lstm.reference import Reference
from conformance.verdict.noise import noise

pytest.importorskip("flint")

from conformance.lstm.oracle import prove

LINEAR = {"gate": "linear", "cell": "linear", "hidden": "linear"}


def a_case(**fields: Any) -> Case:
    sizes = {"T": 5, "B": 3, "I": 2, "H": 4}
    return Case.model_validate({"id": "test/options", "dtype": "float64", "seed": 3} | sizes | fields)


def by_oracle(case: Case, arrays: Arrays) -> Outputs:
    return dict(prove(case, arrays).outputs)


def by_reference(case: Case, arrays: Arrays) -> Outputs:
    return Reference(case).run(arrays)


WITNESSES = [by_oracle, by_reference]
Witness = Callable[[Case, Arrays], Outputs]


def worst(got: Outputs, wanted: Outputs, scale: Outputs) -> float:
    assert got.keys() == wanted.keys()
    return max(float(np.max(noise(got[n], wanted[n], scale[n], "float64"), initial=0.0)) for n in got)
