"""Tensors that a spec takes from a file: the numbers are the file's, and the case is held to its content."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from conformance.case.errors import GenerationError, VectorError
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.case.tensors import to_bytes
from conformance.golden.generate import generate
from conformance.golden.inputs import make_arrays
from conformance.golden.store import VectorStore
from specs import CASE, problem, written

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

ARRAYS = make_arrays(Case(id="a/b", T=4, B=2, I=3, H=5))


def stored(name="w.safetensors", **changed):
    written(to_bytes(ARRAYS.weights.flat | {"x": ARRAYS.inputs.x} | changed), name)


def case_with(keys, name="s.yaml"):
    (case,) = load_spec(written(CASE + "".join(f"    {key}\n" for key in keys), name))
    return case


def test_the_numbers_are_those_of_the_file():
    stored("below/w.safetensors")
    case = case_with(["weights: {file: below/w.safetensors}", "x: {file: below/w.safetensors}"])
    made = make_arrays(case)
    for name, array in ARRAYS.weights.flat.items():
        assert np.array_equal(made.weights.flat[name], array)
    assert np.array_equal(made.inputs.x, ARRAYS.inputs.x)
    assert np.array_equal(make_arrays(pickle.loads(pickle.dumps(case))).inputs.x, ARRAYS.inputs.x)  # another process


def test_a_weight_with_a_source_of_its_own_keeps_it():
    stored()
    weights = make_arrays(case_with(["weights: {file: w.safetensors, b_w: {constant: 2}}"])).weights.rows[0]
    assert (weights.b_w == 2).all()
    assert np.array_equal(weights.b_r, ARRAYS.weights.rows[0].b_r)


def test_the_case_is_another_one_when_the_file_changes():
    keys = ["weights: {file: w.safetensors}", "exempt: {}"]
    stored()
    case = case_with(keys)
    store = VectorStore(written("").parent / "vectors")
    assert generate([case], store, prune=False, jobs=1, report=lambda case, built: None).problems == []
    assert store.load(case)
    stored(**{"W.0": ARRAYS.weights.rows[0].W * 2})
    with pytest.raises(GenerationError, match="content has changed since the spec was read"):
        make_arrays(case.model_copy())
    changed = case_with(keys)
    with pytest.raises(VectorError, match="made from another version"):
        store.load(changed)


def test_a_digest_in_the_spec_must_be_that_of_the_file():
    stored()
    found = case_with(["x: {file: w.safetensors}"]).x.sha256
    assert case_with([f"x: {{file: w.safetensors, sha256: {found}}}"]).x.sha256 == found
    said = problem(CASE + f"    x: {{file: w.safetensors, sha256: {'0' * 64}}}\n")
    assert said.startswith(f"s.yaml:8: x: file: w.safetensors has the SHA-256 {found}, which is not the one given")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{file: gone.safetensors}", "x: file: gone.safetensors: No such file or directory"),
        ("{file: ../w.safetensors}", "give a path below the spec's folder, with / and without .."),
        ("{file: /w.safetensors}", "give a path below the spec's folder, with / and without .."),
        ("{file: w.npz}", "tensors are read from .safetensors files"),
        ("{file: link.safetensors}", "is a link that leads out of the spec's folder"),
        ("{file: w.safetensors, constant: 1}", "a source needs exactly one of"),
        ("{constant: 1, sha256: " + "a" * 64 + "}", "sha256 is for a file"),
        ("{file: w.safetensors, sha256: abc}", "which is not the one given"),
        ("{file: folder.safetensors}", "it is a folder, not a regular file"),
    ],
)
def test_files_that_are_refused(source, said, tmp_path_factory):
    stored()
    Path("folder.safetensors").mkdir()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "w.safetensors"
    elsewhere.write_bytes(b"")
    Path("link.safetensors").symlink_to(elsewhere)
    assert said in problem(CASE + f"    x: {source}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no", "is not a safetensors file"),
        (to_bytes({"y": ARRAYS.inputs.x}), "has no tensor x; it has y"),
        (to_bytes({"x": ARRAYS.inputs.x.astype(np.float64)}), "x is float64 (4, 2, 3), not float32 (4, 2, 3)"),
        (to_bytes({"x": ARRAYS.inputs.x[:3]}), "x is float32 (3, 2, 3), not float32 (4, 2, 3)"),
        (to_bytes({"x": ARRAYS.inputs.x * np.float32("nan")}), "x holds NaN or infinity"),
    ],
)
def test_content_that_is_refused(content, said):
    written(content, "w.safetensors")
    with pytest.raises(GenerationError) as raised:
        make_arrays(case_with(["x: {file: w.safetensors}"]))
    assert said in str(raised.value)


def test_a_case_without_a_folder_says_so():
    stored()
    case = Case.model_validate_json(case_with(["x: {file: w.safetensors}"]).model_dump_json())
    with pytest.raises(GenerationError, match="needs the spec's folder"):
        make_arrays(case)
