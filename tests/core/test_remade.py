"""Tensors that are not stored but made again when a vector is read: the same numbers, or an error."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.case.tensors import from_bytes, to_bytes
from conformance.golden.build import build
from conformance.golden.generate import check, generate
from conformance.golden.inputs import make_arrays
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector, remade_of

LARGE = Case.model_validate({"id": "fam/large", "T": 1, "B": 1, "I": 1, "H": 47, "remade": True})
"""R has 4 * 47 * 47 numbers of 4 bytes; all other tensors are small."""


def store_of(case: Case, folder: Path) -> VectorStore:
    store = VectorStore(folder)
    summary = generate([case], store, prune=True, jobs=1, report=lambda case, built: None)
    assert summary.made == 1
    return store


def test_only_large_tensors_of_uniform_sources_are_made_again():
    assert remade_of(LARGE) == ["weights.R.0"]
    assert remade_of(LARGE.model_copy(update={"remade": False})) == []
    ramp = {"ramp": {"first": -40, "divisor": 100}}
    assert remade_of(Case.model_validate(LARGE.model_dump() | {"weights": {"R": ramp}})) == []


def test_a_vector_is_small_and_reads_as_if_all_had_been_stored(tmp_path):
    store = store_of(LARGE, tmp_path)
    file = tmp_path / "fam" / "large.safetensors"
    assert file.stat().st_size < 8000
    assert "weights.R.0" not in from_bytes(file.read_bytes())
    read, built = store.load(LARGE), build(LARGE).vector
    assert read.difference(built) is None
    assert read.arrays.flat.keys() == make_arrays(LARGE).flat.keys()
    assert check([LARGE], store, whole=True, jobs=1, report=lambda case, built: None).problems == []


def test_whether_it_is_made_again_does_not_change_the_numbers(tmp_path):
    stored = LARGE.model_copy(update={"remade": False})
    assert stored.digest() == LARGE.digest()
    assert build(stored).vector.to_bytes() == build(LARGE).vector.to_bytes()


def test_other_numbers_than_when_it_was_stored_are_refused(tmp_path):
    store = store_of(LARGE, tmp_path)
    file = tmp_path / "fam" / "large.safetensors"
    tensors = from_bytes(file.read_bytes())
    tensors["sha256.weights.R.0"] = np.zeros(32, np.int8)
    altered = to_bytes(tensors)
    with pytest.raises(ValueError, match=r"weights\.R\.0, made again from its source, does not have the SHA-256"):
        Vector.from_bytes(altered, LARGE)
    file.write_bytes(altered)
    entry = store.entries[LARGE.id]
    store.entries[LARGE.id] = type(entry)(entry.file, hashlib.sha256(altered).hexdigest(), entry.spec, entry.bits)
    with pytest.raises(VectorError, match=r"does not have the SHA-256 that is stored\); make it"):
        store.load(LARGE)


def test_a_tensor_that_the_case_does_not_have_is_refused():
    data = build(LARGE).vector.to_bytes(["weights.R.0"])
    other = Case.model_validate({"id": "fam/large", "T": 1, "B": 1, "I": 1, "H": 46, "remade": True})
    with pytest.raises(ValueError, match=r"weights\.R\.0"):
        Vector.from_bytes(data, other)
    with pytest.raises(ValueError, match="there is no case to make it again from"):
        Vector.from_bytes(data)
