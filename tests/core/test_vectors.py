"""Vectors: their bytes, the store that refuses any but the right ones, generation and its check, the cache."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.case.errors import GenerationError, VectorError
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays
from conformance.files import FileError, replace_file
from conformance.golden.build import build
from conformance.golden.cache import cached
from conformance.golden.cache import folder as cache_folder
from conformance.golden.generate import Summary, check, generate
from conformance.golden.store import MANIFEST, VectorStore
from conformance.golden.vector import Vector

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SPEC = """\
family: fam
defaults: {T: 2, B: 4, I: 1, H: 3}
cases:
  - name: plain
  - name: half
    dtype: bfloat16
    lengths: [1, 2, 1, 2]
"""


def cases_of(text: str, folder: Path) -> list[Case]:
    path = folder / "s.yaml"
    path.write_text(text)
    return load_spec(path)


def made(cases: list[Case], root: Path, *, prune: bool = True, jobs: int = 1) -> Summary:
    return generate(cases, VectorStore(root), prune=prune, jobs=jobs, report=lambda case, built: None)


def checked(cases: list[Case], root: Path, *, whole: bool = True) -> list[str]:
    summary = check(cases, VectorStore(root), whole=whole, jobs=1, report=lambda case, built: None)
    if not summary.problems:
        assert summary.same_bytes == summary.made == len(cases)
    return summary.problems


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def contents(root: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _) in snapshot(root).items()}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Case]]:
    pytest.importorskip("flint")
    folder = tmp_path_factory.mktemp("pristine")
    cases = cases_of(SPEC, folder)
    assert made(cases, folder / "vectors").problems == []
    return folder / "vectors", cases


@pytest.fixture
def stored(pristine: tuple[Path, list[Case]], tmp_path: Path) -> tuple[Path, list[Case]]:
    """A store of its own with vectors of `plain` and `half`, and the two cases."""
    root, cases = pristine
    shutil.copytree(root, tmp_path / "vectors")
    return tmp_path / "vectors", cases


# The bytes of one vector.


def small_vector() -> Vector:
    tensors: dict[str, Array] = {
        "weights.W.0": np.arange(-4, 4).reshape(4, 2, 1).astype(BFLOAT16),
        "weights.R.0": np.full((4, 2, 2), 2.0**-24, np.float16),
        "weights.W_y": np.array([[0.1, -0.0]]),
        "inputs.x": np.array([[[np.nan]], [[-np.inf]]], np.float32),
        "inputs.lengths": np.array([1], np.int64),
    }
    golden = {"y": np.array([[[5e-324, -0.0]], [[np.pi, -1e300]]]), "c_n": np.zeros((1, 1, 2))}
    kappa = {"y": np.array([[[0.0, 1.0]], [[2.0**-100, 2.0**100]]]), "c_n": np.array([[[0.5, 0.0]]])}
    return Vector(Arrays.from_tensors(tensors), golden, kappa)


def assert_same(a: dict[str, Array], b: dict[str, Array]) -> None:
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert (array.dtype, array.shape) == (b[name].dtype, b[name].shape), name
        assert array.tobytes() == b[name].tobytes(), name


def test_a_vector_survives_its_bytes() -> None:
    vector = small_vector()
    back = Vector.from_bytes(vector.to_bytes())
    assert_same(dict(back.arrays.flat), dict(vector.arrays.flat))
    assert_same(back.golden, vector.golden)
    assert_same(back.kappa, vector.kappa)
    assert back.to_bytes() == vector.to_bytes()
    assert back.arrays.weights.rows[0].W.dtype == BFLOAT16
    assert back.arrays.inputs.h0 is None


OPTIONS = """\
family: options
defaults: {T: 4, B: 3, I: 2, H: 5, padding: .nan}
cases:
  - {name: empty-batch, B: 0, lengths: [], skip: []}
  - {name: holes, skip: [[1], [], [0, 3]], lengths: [4, 0, 4]}
  - {name: poison, poison: {tensor: x, at: [1, 1, 0], value: .nan}, activations: {cell: relu}}
  - {name: poison-infinity, poison: {tensor: c0, at: [0, 2, 3], value: -.inf}}
  - {name: cell, peephole: true, P: 7, projection_bias: true, layer_norm: nnapi, coupling: input=1-forget}
"""


def test_vectors_of_every_option_are_made_kept_and_made_again_alike(tmp_path: Path) -> None:
    pytest.importorskip("flint")
    cases = cases_of(OPTIONS, tmp_path)
    assert made(cases, tmp_path / "vectors").problems == []
    assert checked(cases, tmp_path / "vectors") == []
    vectors = {case.id.partition("/")[2]: VectorStore(tmp_path / "vectors").load(case) for case in cases}
    for vector in vectors.values():
        back = Vector.from_bytes(vector.to_bytes())
        assert vector.difference(back) is None
        assert_same(dict(back.arrays.flat), dict(vector.arrays.flat))
    assert vectors["empty-batch"].golden["y"].shape == (4, 0, 5)
    assert vectors["holes"].arrays.inputs.mask is not None
    assert vectors["holes"].arrays.inputs.mask.dtype == np.bool_
    assert vectors["holes"].arrays.inputs.mask.T.tolist()[0] == [True, False, True, True]
    assert np.isnan(vectors["poison"].golden["y"][1:, 1]).all()
    assert vectors["poison-infinity"].golden["c_n"][0, 2, 3] == -np.inf
    assert set(vectors["cell"].arrays.flat) == {
        *("inputs.x", "inputs.h0", "inputs.c0", "weights.W.0", "weights.R.0", "weights.b_w.0", "weights.b_r.0"),
        *("weights.peephole.0", "weights.projection.0", "weights.projection_bias.0", "weights.gamma.0"),
    }


def test_a_nan_that_moves_is_a_difference() -> None:
    vector = small_vector()
    golden = {**vector.golden, "c_n": np.array([[[np.nan, 0.0]]])}
    moved = {**vector.golden, "c_n": np.array([[[0.0, np.nan]]])}
    assert Vector(vector.arrays, golden, vector.kappa).difference(Vector(vector.arrays, moved, vector.kappa)) == (
        "golden c_n differs"
    )


def test_a_vector_is_a_safetensors_file() -> None:
    data = small_vector().to_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    found = {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}
    assert found == {
        "golden.c_n": ("F64", [1, 1, 2]),
        "golden.y": ("F64", [2, 1, 2]),
        "inputs.lengths": ("I64", [1]),
        "inputs.x": ("F32", [2, 1, 1]),
        "kappa.c_n": ("I8", [1, 1, 2]),
        "kappa.y": ("I8", [2, 1, 2]),
        "weights.R.0": ("F16", [4, 2, 2]),
        "weights.W.0": ("BF16", [4, 2, 1]),
        "weights.W_y": ("F64", [1, 2]),
    }
    start, end = header["weights.W.0"]["data_offsets"]
    assert body[start:end] == b"".join(struct.pack("<f", n)[2:] for n in range(-4, 4))
    start, end = header["kappa.y"]["data_offsets"]
    assert struct.unpack("4b", body[start:end]) == (-128, 0, -100, 100)


def test_the_order_of_tensors_does_not_change_the_bytes() -> None:
    vector = small_vector()
    turned = Vector(
        Arrays.from_tensors(dict(reversed(list(vector.arrays.flat.items())))),
        dict(reversed(vector.golden.items())),
        dict(reversed(vector.kappa.items())),
    )
    assert turned.to_bytes() == vector.to_bytes()


def test_strided_arrays_give_the_same_bytes() -> None:
    vector = small_vector()
    strided = {name: np.asfortranarray(array) for name, array in vector.golden.items()}
    assert Vector(vector.arrays, strided, vector.kappa).to_bytes() == vector.to_bytes()


@pytest.mark.parametrize(
    ("kappa", "kept"),
    [(0.0, 0.0), (3.0, 4.0), (2.8, 2.0), (0.7, 0.5), (0.71, 1.0), (1e-300, 2.0**-127), (1e300, 2.0**127)],
)
def test_kappa_is_kept_as_the_nearest_power_of_two(kappa: float, kept: float) -> None:
    vector = small_vector()
    back = Vector.from_bytes(
        Vector(vector.arrays, vector.golden, vector.kappa | {"c_n": np.full((1, 1, 2), kappa)}).to_bytes()
    )
    assert back.kappa["c_n"].tolist() == [[[kept, kept]]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"golden.y": None, "golden.c_n": None, "kappa.y": None, "kappa.c_n": None}, "no golden values"),
        ({"kappa.y": None}, "no kappa for some"),
        ({"golden.y": None}, "no kappa for some"),
        ({"kappa.y": np.zeros((2, 2), np.int8)}, "kappa and the golden values have different shapes"),
        ({"weights.Q.0": np.zeros(1)}, "unexpected keyword argument 'Q'"),
        ({"weights.R.0": None}, "missing 1 required positional argument: 'R'"),
        ({"weights.W.first": np.zeros(1)}, "invalid literal"),
        ({"inputs.z": np.zeros(1)}, "unexpected keyword argument 'z'"),
        ({"inputs.x": np.zeros(1, np.uint16)}, "U16"),
    ],
)
def test_a_file_that_holds_no_vector_is_a_value_error(change: dict[str, Array | None], said: str) -> None:
    import safetensors.numpy

    tensors = safetensors.numpy.load(safe_bytes())
    for name, array in change.items():
        tensors.pop(name, None)
        if array is not None:
            tensors[name] = array
    with pytest.raises(ValueError, match=said):
        Vector.from_bytes(bytes(safetensors.numpy.save(tensors)))


def safe_bytes() -> bytes:
    """A vector without bfloat16, which safetensors' own NumPy reader does not take."""
    vector = small_vector()
    flat = {name: a.astype(np.float32) if a.dtype == BFLOAT16 else a for name, a in vector.arrays.flat.items()}
    return Vector(Arrays.from_tensors(flat), vector.golden, vector.kappa).to_bytes()


# What `difference` sees.


def changed(**tensors: Any) -> Vector:
    """small_vector with tensors replaced, as `golden__y=array`; None takes one away."""
    vector = small_vector()
    parts: dict[str, dict[str, Array]] = {"flat": dict(vector.arrays.flat)}
    parts |= {"golden": dict(vector.golden), "kappa": dict(vector.kappa)}
    for key, array in tensors.items():
        kind, _, name = key.partition("__")
        parts[kind].pop(name.replace("__", "."), None)
        if array is not None:
            parts[kind][name.replace("__", ".")] = array
    return Vector(Arrays.from_tensors(parts["flat"]), parts["golden"], parts["kappa"])


def test_equal_vectors_do_not_differ() -> None:
    assert small_vector().difference(small_vector()) is None


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"golden__c_n": np.array([[[0.0, -0.0]]])}, "golden c_n differs"),
        ({"golden__c_n": np.array([[[0.0, 5e-324]]])}, "golden c_n differs"),
        ({"golden__c_n": np.zeros((1, 2, 1))}, "golden c_n differs"),
        ({"golden__c_n": np.zeros((1, 1, 2), np.float32)}, "golden c_n differs"),
        ({"golden__z": np.zeros(1), "kappa__z": np.zeros(1)}, "z is stored, but no longer generated"),
        ({"golden__c_n": None, "kappa__c_n": None}, "golden c_n differs"),
        ({"flat__weights__W__0": np.arange(-4, 4).reshape(4, 2, 1).astype(np.float32)}, "weights.W.0 differs"),
        ({"flat__inputs__lengths": None}, "inputs.lengths differs"),
        ({"flat__inputs__h0": np.zeros(1)}, "inputs.h0 is stored, but no longer generated"),
        ({"kappa__c_n": np.array([[[1.0, 0.0]]])}, None),
        ({"kappa__c_n": np.array([[[0.25, 0.0]]])}, None),
        ({"kappa__c_n": np.array([[[2.0, 0.0]]])}, "kappa c_n differs by 2 steps"),
        ({"kappa__c_n": np.array([[[0.5, 0.5]]])}, "kappa c_n differs by 127 steps"),
    ],
)
def test_any_other_bytes_differ_but_kappa_may_by_one_step(tensors: dict[str, Any], said: str | None) -> None:
    assert small_vector().difference(changed(**tensors)) == said


# The store hands out the right bytes or says what is wrong.


def test_the_store_hands_out_what_was_made(stored: tuple[Path, list[Case]]) -> None:
    root, cases = stored
    store = VectorStore(root)
    for case in cases:
        vector = store.load(case)
        assert {name: array.shape for name, array in vector.golden.items()} == case.outputs
        assert {array.dtype for array in vector.golden.values()} == {np.dtype(np.float64)}
        assert {a.dtype for n, a in vector.arrays.flat.items() if n != "inputs.lengths"} == {case.np_dtype}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def header_size(path: Path) -> int:
    size: int = struct.unpack("<Q", path.read_bytes()[:8])[0]
    return size


DAMAGES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("missing", lambda p: p.unlink(), r"the vector of fam/plain cannot be read: No such file or directory"),
    ("a-folder", lambda p: (p.unlink(), p.mkdir()), r"the vector of fam/plain cannot be read: it is a folder"),
    ("empty", lambda p: p.write_bytes(b""), r"damaged or truncated \("),
    ("half", lambda p: os.truncate(p, p.stat().st_size // 2), r"damaged or truncated \("),
    ("one-byte-short", lambda p: os.truncate(p, p.stat().st_size - 1), r"damaged or truncated \("),
    ("one-byte-more", lambda p: p.write_bytes(p.read_bytes() + b"\0"), r"damaged or truncated \("),
    ("length-flipped", lambda p: flip(p, 0), r"damaged or truncated \("),
    ("brace-flipped", lambda p: flip(p, 8), r"damaged or truncated \("),
    (
        "first-number-flipped",
        lambda p: flip(p, 8 + header_size(p)),
        r"altered: SHA-256 is \w{12}\.\.\., the manifest says \w",
    ),
    ("last-number-flipped", lambda p: flip(p, -1), r"altered: SHA-256 is \w{12}\.\.\., the manifest says \w{12}\.\.\."),
]


@pytest.mark.parametrize(("damage", "said"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES])
def test_a_damaged_file_is_refused_and_the_text_says_how(
    stored: tuple[Path, list[Case]], damage: Callable[[Path], Any], said: str
) -> None:
    root, (plain, half) = stored
    path = root / "fam/plain.safetensors"
    damage(path)
    with pytest.raises(VectorError, match=said) as caught:
        VectorStore(root).load(plain)
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("; make it with: conformance generate --case 'fam/plain'")
    VectorStore(root).load(half)


def test_no_flipped_bit_gets_through(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, _) = stored
    path = root / "fam/plain.safetensors"
    good, store = path.read_bytes(), VectorStore(root)
    header = 8 + header_size(path)
    for at in [*range(header), *range(header, len(good), 7)]:
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with pytest.raises(VectorError, match=r"damaged or truncated|altered"):
            store.load(plain)
    path.write_bytes(good)
    store.load(plain)


def test_another_case_s_vector_in_a_case_s_place_is_refused(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, _) = stored
    shutil.copy(root / "fam/half.safetensors", root / "fam/plain.safetensors")
    with pytest.raises(VectorError, match="altered: SHA-256"):
        VectorStore(root).load(plain)


def test_a_case_that_is_not_in_the_manifest(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, _) = stored
    with pytest.raises(
        VectorError, match=r"^fam/new has no vector in .*MANIFEST\.json; make it with: conformance generate"
    ):
        VectorStore(root).load(plain.model_copy(update={"id": "fam/new"}))


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("T: 2", "T: 3", True),
        ("name: plain", "name: plain\n    seed: 1", True),
        ("name: plain", "name: plain\n    forget_bias: 0.5", True),
        ("name: plain", "name: plain\n    description: reworded\n    tolerance: {noise: 1}", False),
        ("family: fam", "# moved down\nfamily: fam", False),
    ],
)
def test_a_vector_of_another_state_of_the_spec_is_refused(
    stored: tuple[Path, list[Case]], tmp_path: Path, old: str, new: str, refused: bool
) -> None:
    root, _ = stored
    case = cases_of(SPEC.replace(old, new), tmp_path)[0]
    if not refused:
        VectorStore(root).load(case)
        return
    with pytest.raises(
        VectorError, match=r"plain\.safetensors: made from another version of .*s\.yaml:4; make it with: "
    ):
        VectorStore(root).load(case)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"", "the manifest cannot be read: Expecting value"),
        (b"\xff\xfe", "the manifest cannot be read: 'utf-8' codec can't decode"),
        (b"{", "the manifest cannot be read: Expecting property name"),
        (b"[" * 100_000, "the manifest cannot be read: nested more than 32 deep"),
        (b"[" * 40 + b"]" * 40, "the manifest cannot be read: nested more than 32 deep"),
        (b"[]", "not a manifest: needs an object with"),
        (b"{}", "not a manifest: needs an object with"),
        (b'{"format": 1}', "not a manifest: needs an object with"),
        (b'{"format": 1, "vectors": []}', "not a manifest: needs an object with"),
        (b'{"format": 2, "vectors": {}}', "format 2, but this version reads format 1$"),
    ],
)
def test_an_unreadable_manifest_is_refused(tmp_path: Path, manifest: bytes, said: str) -> None:
    (tmp_path / MANIFEST).write_bytes(manifest)
    with pytest.raises(VectorError, match=rf"MANIFEST\.json: {said}"):
        VectorStore(tmp_path)


def test_a_store_without_manifest_is_empty(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "nowhere")
    assert store.entries == {} and store.digest() == ""


def test_the_digest_of_a_store_is_that_of_its_manifest(stored: tuple[Path, list[Case]]) -> None:
    root, _ = stored
    before = VectorStore(root).digest()
    assert before == hashlib.sha256((root / MANIFEST).read_bytes()).hexdigest()
    edit_manifest(root, "fam/plain", bits=4096)
    assert VectorStore(root).digest() != before


# Generation, and the check of what was generated.


def edit_manifest(root: Path, case_id: str, **fields: Any) -> None:
    manifest = json.loads((root / MANIFEST).read_text())
    manifest["vectors"][case_id] |= fields
    (root / MANIFEST).write_text(json.dumps(manifest))


def rewrite(root: Path, case: Case, change: Callable[[dict[str, Array]], Any], kind: str) -> None:
    """Change a stored vector's golden values or kappa, and the manifest's SHA-256 to match."""
    path = root / f"{case.id}.safetensors"
    vector = Vector.from_bytes(path.read_bytes())
    parts = {"golden": vector.golden, "kappa": vector.kappa, "flat": dict(vector.arrays.flat)}
    parts[kind] = {name: array.copy() for name, array in parts[kind].items()}
    change(parts[kind])
    data = Vector(Arrays.from_tensors(parts["flat"]), parts["golden"], parts["kappa"]).to_bytes()
    path.write_bytes(data)
    edit_manifest(root, case.id, sha256=hashlib.sha256(data).hexdigest())


def test_generate_then_check_finds_the_same_bytes_and_writes_nothing(stored: tuple[Path, list[Case]]) -> None:
    root, cases = stored
    before = snapshot(root)
    assert checked(cases, root) == []
    assert snapshot(root) == before


def test_two_processes_give_the_same_store_as_one(stored: tuple[Path, list[Case]], tmp_path: Path) -> None:
    root, cases = stored
    assert made(cases, tmp_path / "again", jobs=2).problems == []
    assert contents(tmp_path / "again") == contents(root)


def test_the_order_in_which_vectors_are_saved_does_not_change_the_manifest(
    stored: tuple[Path, list[Case]], tmp_path: Path
) -> None:
    root, cases = stored
    for order in (cases, cases[::-1]):
        store = VectorStore(tmp_path / f"from-{order[0].id.replace('/', '-')}")
        for case in order:
            store.save(case, (root / f"{case.id}.safetensors").read_bytes(), 128)
        store.write_manifest()
        assert contents(store.root) == contents(root)


def ulp_up(tensors: dict[str, Array]) -> None:
    tensors["y"].flat[0] = np.nextafter(tensors["y"].flat[0], np.inf)


def scaled(factor: float) -> Callable[[dict[str, Array]], Any]:
    def scale(tensors: dict[str, Array]) -> None:
        tensors["h_n"] *= factor

    return scale


def weight_up(tensors: dict[str, Array]) -> None:
    tensors["weights.R.0"].flat[3] += 1


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (ulp_up, "golden", "fam/plain: golden y differs"),
        (weight_up, "flat", "fam/plain: weights.R.0 differs"),
        (scaled(4.0), "kappa", "fam/plain: kappa h_n differs by 2 steps"),
        (scaled(0.5), "kappa", None),
    ],
)
def test_check_notices_a_change_even_with_the_manifest_made_to_match(
    stored: tuple[Path, list[Case]], change: Callable[[dict[str, Array]], Any], kind: str, said: str | None
) -> None:
    root, (plain, half) = stored
    rewrite(root, plain, change, kind)
    VectorStore(root).load(plain)  # by its SHA-256 alone the vector is fine
    assert checked([plain, half], root) == ([] if said is None else [said])


def test_check_notices_other_bits_a_damaged_file_and_a_vector_nobody_asks_for(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    edit_manifest(root, "fam/plain", bits=4096)
    assert checked([plain, half], root) == ["fam/plain: the manifest says 4096 bits, but the proof took 128"]
    flip(root / "fam/plain.safetensors", -1)
    assert checked([plain], root, whole=False)[0].startswith("fam/plain: ")
    stale, altered = checked([plain], root)
    assert stale == "fam/half: stored, but no spec asks for it"
    assert "altered: SHA-256" in altered
    assert len(checked([plain], root, whole=False)) == 1


def test_of_the_vectors_that_are_not_made_again_the_digests_are_compared(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored

    def every_other() -> Summary:
        return check([plain, half], VectorStore(root), whole=True, every=2, jobs=1, report=lambda case, built: None)

    summary = every_other()
    assert (summary.made, summary.same_bytes, summary.digests, summary.problems) == (1, 1, 1, [])
    assert summary.lint.keys() == {"fam/plain", "fam/half"}
    rewrite(root, half, scaled(4.0), "kappa")
    assert every_other().problems == []  # the manifest was made to match
    flip(root / "fam/half.safetensors", -1)
    (altered,) = every_other().problems
    assert altered.startswith("fam/half: ")
    assert "altered: SHA-256" in altered


def test_prune_removes_stale_vectors_and_only_those(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    assert made([plain], root, prune=False).problems == []
    assert VectorStore(root).load(half)
    assert made([plain], root, prune=True).problems == []
    assert set(contents(root)) == {MANIFEST, "fam/plain.safetensors"}
    assert set(VectorStore(root).entries) == {"fam/plain"}


def test_on_demand_cases_are_not_stored_and_their_old_vectors_are_pruned(stored: tuple[Path, list[Case]]) -> None:
    root, (plain, half) = stored
    assert made([plain, half.model_copy(update={"on_demand": True})], root).made == 1
    assert set(contents(root)) == {MANIFEST, "fam/plain.safetensors"}


UNJUDGEABLE = """\
  - name: chaotic
    T: 40
    H: 8
    dtype: bfloat16
    weights: {W: {uniform: {gain: 40}}, R: {uniform: {gain: 40}}}
  - name: infinite
    h0: {constant: .inf}
  - name: too-large
    dtype: float16
    h0: {constant: 70000}
  - name: grows
    dtype: float16
    activations: {cell: {name: affine, alpha: 30000, beta: 0}}
    weights: {W: {uniform: {gain: 4}}}
    T: 8
  - name: vanishes
    dtype: float16
    gradients: whole
    dy: {uniform: {low: -1.0e-06, high: 1.0e-06}}
    dh_n: {uniform: {low: -1.0e-06, high: 1.0e-06}}
    dc_n: {uniform: {low: -1.0e-06, high: 1.0e-06}}
"""


def test_a_case_that_cannot_be_made_is_a_problem_and_the_others_are_made(
    pristine: tuple[Path, list[Case]], tmp_path: Path
) -> None:
    cases = cases_of(SPEC + UNJUDGEABLE, tmp_path)
    reported: dict[str, bool] = {}
    summary = generate(
        cases,
        VectorStore(tmp_path / "v"),
        prune=True,
        jobs=1,
        report=lambda case, built: reported.update({case.id: built is not None}),
    )
    assert contents(tmp_path / "v") == contents(pristine[0])
    assert summary.made == 2
    assert reported == {c.id: c.id in ("fam/plain", "fam/half") for c in cases}
    chaotic, grows, infinite, large, vanishes = sorted(summary.problems)
    assert chaotic.startswith("fam/chaotic: too ill-conditioned to judge in bfloat16: honest rounding may move ")
    assert infinite.startswith("fam/infinite: h0 holds NaN or infinity")
    assert large == "fam/too-large: h0 holds numbers too large for float16"
    assert grows.startswith("fam/grows: too large to judge in float16: c_n has the element ")
    assert vanishes.startswith("fam/vanishes: too small to judge in float16: the largest element of d_")
    assert vanishes.endswith("and numbers of this size are rounded to multiples of 6e-08")


def test_a_sum_of_many_tiny_terms_is_too_small_to_judge() -> None:
    """Each of the terms is rounded to a multiple of the smallest number, so that honest sums differ by several."""

    def case(largest: float) -> Case:
        tiny = {"uniform": {"low": -largest, "high": largest}}
        keys = {"T": 1, "B": 65, "I": 2, "H": 3, "gradients": "whole", "dy": tiny, "dh_n": tiny, "dc_n": tiny}
        return Case.model_validate({"id": "fam/tiny-gradients"} | keys)

    with pytest.raises(GenerationError, match="too small to judge in float32: the largest element of d_"):
        build(case(1e-38))
    build(case(1e-37))


# A process that is killed leaves no half-written file.


def killed(code: str, *arguments: object, when: Callable[[], bool]) -> None:
    """Run Python code in a process group of its own and kill it once `when` holds; its children must end too."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 60
            while not when():
                assert child.poll() is None and time.monotonic() < deadline
                time.sleep(0.001)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            while running_in_group(child.pid):
                assert time.monotonic() < deadline, "a child outlives the killed process"
                time.sleep(0.01)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def running_in_group(group: int) -> bool:
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(line.split()[0] == str(group) and line.split()[1][0] != "Z" for line in listed.splitlines())


GENERATE = """\
import sys
from pathlib import Path
from conformance.case.load import load_spec
from conformance.golden.generate import generate
from conformance.golden.store import VectorStore
print("ready", flush=True)
generate(load_spec(Path(sys.argv[1])), VectorStore(Path(sys.argv[2])), prune=True, jobs=1, report=lambda *_: None)
"""
MORE = "".join(f"  - {{name: more-{n}, seed: {n}}}\n" for n in range(30))


@pytest.mark.parametrize("files", [1, 9])
def test_a_store_is_usable_after_a_killed_generation(
    stored: tuple[Path, list[Case]], tmp_path: Path, files: int
) -> None:
    root, before = stored
    cases = cases_of(SPEC + MORE, tmp_path)
    killed(GENERATE, tmp_path / "s.yaml", root, when=lambda: len(list(root.rglob("more-*.safetensors"))) >= files)
    assert len(list(root.rglob("more-*.safetensors"))) < 30
    store = VectorStore(root)
    for case in before:
        store.load(case)
    for path in root.rglob("[!.]*.safetensors"):
        Vector.from_bytes(path.read_bytes())
    assert made(cases, root).problems == []
    assert checked(cases, root) == []


WRITE = """\
import sys
from pathlib import Path
from conformance.files import replace_file
print("ready", flush=True)
while True:
    for letter in b"ab":
        replace_file(Path(sys.argv[1]), bytes([letter]) * 4_000_000)
"""


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for pause in (0.0, 0.03, 0.07):
        start = time.monotonic()
        killed(WRITE, path, when=lambda: path.exists() and time.monotonic() > start + 0.3 + pause)  # noqa: B023
        data = path.read_bytes()
        assert len(data) == 4_000_000 and set(data) in ({ord("a")}, {ord("b")})


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileError, match="taken: cannot be written: it is a folder, not a regular file"):
        replace_file(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


# Vectors made on demand.


@pytest.fixture
def on_demand(pristine: tuple[Path, list[Case]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Case, bytes]:
    """A case with an empty cache, and the bytes of its vector."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder().is_relative_to(tmp_path)
    root, (plain, _) = pristine
    return plain, (root / "fam/plain.safetensors").read_bytes()


def cache_files() -> list[Path]:
    return sorted(cache_folder().iterdir())


def test_the_cache_is_made_and_then_reused(on_demand: tuple[Case, bytes]) -> None:
    case, data = on_demand
    assert cached(case).to_bytes() == data
    vector, digest = cache_files()
    assert (vector.suffix, digest.suffix) == (".safetensors", ".sha256")
    assert vector.read_bytes() == data
    before = snapshot(cache_folder())
    assert cached(case).to_bytes() == data
    assert snapshot(cache_folder()) == before
    # What is there is what is handed out: nothing is computed again.
    made_of = Vector.from_bytes(data)
    other = Vector(made_of.arrays, made_of.golden | {"y": np.full(case.outputs["y"], 7.0)}, made_of.kappa)
    vector.write_bytes(other.to_bytes())
    digest.write_text(hashlib.sha256(other.to_bytes()).hexdigest())
    assert np.all(cached(case).golden["y"] == 7.0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda vector, digest: flip(vector, -1),
        lambda vector, digest: flip(vector, 8),
        lambda vector, digest: os.truncate(vector, 100),
        lambda vector, digest: vector.unlink(),
        lambda vector, digest: digest.unlink(),
        lambda vector, digest: digest.write_bytes(b"\xff\x00"),
        lambda vector, digest: flip(digest, 0),
    ],
    ids=["number", "header", "truncated", "no-vector", "no-digest", "digest-not-text", "other-digest"],
)
def test_a_damaged_cache_is_repaired(on_demand: tuple[Case, bytes], damage: Callable[[Path, Path], Any]) -> None:
    case, data = on_demand
    cached(case)
    whole = contents(cache_folder())
    damage(*cache_files())
    assert contents(cache_folder()) != whole
    assert cached(case).to_bytes() == data
    assert contents(cache_folder()) == whole


@pytest.mark.parametrize("obstacle", [Path.mkdir, os.mkfifo])
def test_what_is_in_the_way_in_the_cache_is_named_with_what_to_do(
    on_demand: tuple[Case, bytes], obstacle: Callable[[Path], Any]
) -> None:
    case, _ = on_demand
    cached(case)
    vector, _ = cache_files()
    vector.unlink()
    obstacle(vector)
    with pytest.raises(VectorError, match=r"\.safetensors: cannot be written: .* if it is in the way, remove it$"):
        cached(case)


def test_a_changed_case_has_a_cache_of_its_own(on_demand: tuple[Case, bytes]) -> None:
    case, data = on_demand
    cached(case)
    assert cached(case.model_copy(update={"T": 3})).golden["y"].shape == (3, 4, 3)
    assert len(cache_files()) == 4
    assert cached(case).to_bytes() == data


def test_a_case_that_cannot_be_made_leaves_no_cache(on_demand: tuple[Case, bytes], tmp_path: Path) -> None:
    infinite = cases_of(SPEC + UNJUDGEABLE, tmp_path)[3]
    with pytest.raises(GenerationError, match="holds NaN or infinity"):
        cached(infinite)
    assert not cache_folder().exists() or cache_files() == []
