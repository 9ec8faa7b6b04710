"""Shared by the tests of kappa: a small case, and its kappa."""

from typing import Any

from conformance.case.model import Case
from conformance.case.tensors import Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 3, "B": 2, "I": 4, "H": 5} | fields)


def kappa_of(**fields: Any) -> Outputs:
    return kappa(case(**fields), make_arrays(case(**fields)))
