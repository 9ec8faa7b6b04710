"""The mistakes of gradients and losses: that the shipped cases catch each, and that each is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.data import default_folders
from conformance.golden.inputs import make_arrays
from conformance.golden.store import VectorStore
from conformance.lstm.gradients import completed, reference_of
from conformance.lstm.mistakes.base import Mistake
from conformance.lstm.mistakes.gradient_flow import flow
from conformance.lstm.mistakes.gradients import gradients
from conformance.lstm.mistakes.loss import loss
from conformance.lstm.reference import Reference
from conformance.verdict.noise import noise

FOLDERS = default_folders()


def test_a_forward_mistake_leaves_the_gradients_right() -> None:
    class HalfY(Reference):
        def joined(self, ys: Any) -> Array:
            return 0.5 * super().joined(ys)

    wanted = Case.model_validate({"id": "fam/a", "T": 4, "B": 3, "I": 2, "H": 3, "gradients": "whole"})
    arrays = make_arrays(wanted)
    got, right = completed(HalfY, wanted, arrays), reference_of(wanted).run(arrays)
    assert not np.array_equal(got["y"], right["y"])
    assert np.array_equal(got["d_x"], right["d_x"])


@pytest.fixture(scope="module")
def shipped() -> list[Case]:
    return [case for case in load_specs(FOLDERS.specs) if case.family in ("gradients", "loss", "designed")]


@pytest.mark.parametrize("mistake", [*gradients, *flow, *loss], ids=lambda mistake: mistake.id)
def test_the_shipped_cases_catch_each_mistake_in_float32(mistake: Mistake, shipped: list[Case]) -> None:
    store, found = VectorStore(FOLDERS.vectors), 0.0
    for each in shipped:
        if found < 128 and each.dtype == "float32" and mistake.applies(each):
            vector = store.load(each)
            wrong = mistake.outputs(each, vector.arrays)
            found = max(noise(wrong[n], g, vector.kappa[n], "float32").max() for n, g in vector.golden.items())
    assert found >= 128


@pytest.mark.parametrize("mistake", [*gradients, *flow], ids=lambda mistake: mistake.id)
def test_a_mistake_of_gradients_shows_in_gradients_alone(mistake: Mistake, shipped: list[Case]) -> None:
    each = next(case for case in shipped if mistake.applies(case))
    arrays = make_arrays(each)
    wrong, right = mistake.outputs(each, arrays), reference_of(each).run(arrays)
    differ = {name for name in right if not np.array_equal(wrong[name], right[name])}
    assert all(name.startswith("d_") for name in differ)


@pytest.mark.parametrize("mistake", [*gradients, *flow, *loss], ids=lambda mistake: mistake.id)
def test_where_a_mistake_does_not_apply_the_answer_is_right(mistake: Mistake, shipped: list[Case]) -> None:
    kinds = ("whole-bidirectional-f64", "stream-whole-one-f64", "cross-entropy-every-step-f64", "peephole-f64")
    for each in shipped:
        if each.id.partition("/")[2] in kinds and not mistake.applies(each):
            arrays = make_arrays(each)
            wrong, right = mistake.outputs(each, arrays), reference_of(each).run(arrays)
            assert all(np.array_equal(wrong[name], right[name]) for name in right), each.id
