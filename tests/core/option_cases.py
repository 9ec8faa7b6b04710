"""Shared by the tests of a case's options as a spec gives them: a small case with some options."""

from typing import Any

from conformance.case.model import Case

SIZES: dict[str, Any] = {"T": 4, "B": 2, "I": 3, "H": 5}


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/plain", **SIZES, **fields})
