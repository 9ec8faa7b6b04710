"""What the shipped cases promise as a whole."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.data import default_folders
from conformance.golden.store import VectorStore

FOLDERS = default_folders()


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return load_specs(FOLDERS.specs)


@pytest.fixture(scope="module")
def store() -> VectorStore:
    return VectorStore(FOLDERS.vectors)


def test_a_file_is_named_after_its_family(cases: list[Case]) -> None:
    assert {Path(case.origin.file).stem for case in cases if case.family != Path(case.origin.file).stem} == set()


def test_the_vectors_stay_small_enough_to_ship(store: VectorStore) -> None:
    assert sum((store.root / entry.file).stat().st_size for entry in store.entries.values()) < 32e6


@pytest.mark.parametrize(
    "option",
    [
        "peephole",
        "output_peephole",
        "P",
        "projection_bias",
        "projection_clip",
        "gate_clip",
        "cell_clip",
        "coupling",
        "layer_norm",
        "forget_bias",
        "lengths",
        "skip",
        "blocks",
        "calls",
        "gradients",
    ],
)
def test_every_option_is_there_in_float32_and_float64(option: str, cases: list[Case]) -> None:
    default = Case.model_fields[option].default
    dtypes = {case.dtype for case in cases if getattr(case, option) != default}
    assert {"float32", "float64"} <= dtypes


def test_every_kind_of_an_option_is_there(cases: list[Case]) -> None:
    assert {c.gate_clip.reading for c in cases if c.gate_clip} == {"gates", "all"}
    assert {c.output_peephole for c in cases if c.peephole} == {"new-cell", "previous-cell"}
    assert {c.coupling for c in cases} == {None, "forget=1-input", "input=1-forget"}
    assert {c.layer_norm for c in cases} == {None, "basic-lstm-cell", "nnapi"}
    assert {c.lengths_via for c in cases} == {None, "argument", "packed", "packed-sorted", "upstream"}
    assert {c.layout for c in cases} == {"time_major", "batch_major"}
    assert {c.gradients for c in cases} == {None, "whole", "truncated"}


def test_nan_and_both_infinities_are_put_into_each_tensor_one_at_a_time(cases: list[Case]) -> None:
    there = {(c.poison.tensor.partition(".")[0], str(c.poison.value)) for c in cases if c.poison}
    tensors = ("x", "W", "R", "h0", "c0")
    assert set(product(tensors, ("nan", "inf", "-inf"))) <= there
    biases = {value for tensor, value in there if tensor in ("b_w", "b_r")}
    assert biases == {"nan", "inf", "-inf"}


def test_a_poisoned_case_leaves_something_finite_to_compare(cases: list[Case], store: VectorStore) -> None:
    for case in cases:
        if case.poison is not None:
            golden = store.load(case).golden
            assert np.isfinite(golden["y"]).any(), case.id
            if math.isnan(case.poison.value):
                assert any(np.isnan(array).any() for array in golden.values()), case.id


def test_a_row_alone_is_the_same_row_among_extreme_neighbours(cases: list[Case], store: VectorStore) -> None:
    by_id = {case.id: case for case in cases}
    for dtype in ("f32", "f64"):
        alone = store.load(by_id[f"batch/alone-{dtype}"]).golden
        among = store.load(by_id[f"batch/among-extremes-{dtype}"]).golden
        for name in ("y", "h_n", "c_n"):
            assert np.array_equal(alone[name][:, 0], among[name][:, 1])


def test_both_sides_of_every_size_at_which_engines_change_their_path(cases: list[Case]) -> None:
    assert {1, 128, 129, 256, 257} <= {c.H for c in cases}
    assert {1, 4, 5, 101} <= {c.B for c in cases}
    assert 65537 in {c.T * c.B for c in cases}
    assert {c.on_demand for c in cases if c.T * c.B > 65536} == {True}
