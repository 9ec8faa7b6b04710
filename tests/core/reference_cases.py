"""Shared by the tests of the reference: a small case, the reference's answer, and closeness in float64."""

from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.options import PARAMETERS
from conformance.case.tensors import Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.reference import Reference

HARD = {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}


def case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 5, "B": 3, "I": 2, "H": 4, "dtype": "float64"} | fields)


def answer(wanted: Case, arrays: Arrays | None = None) -> Outputs:
    return Reference(wanted).run(arrays or make_arrays(wanted))


def assert_close(got: Outputs, wanted: Outputs) -> None:
    assert got.keys() == wanted.keys()
    for name in got:
        assert got[name].shape == wanted[name].shape, name
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-11, atol=1e-13, err_msg=name)


def activation(name: str, alpha: float = 0.3, beta: float = 0.6) -> dict[str, Any]:
    return {"name": name} | dict(zip(PARAMETERS.get(name, ()), (alpha, beta), strict=False))
