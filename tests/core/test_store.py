"""The store of vectors hands out the right bytes or says what is wrong."""

import hashlib
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import SPEC, cases_of, command_for, edit_manifest, flip

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.golden.store import MANIFEST, VectorStore


def test_the_store_hands_out_what_was_made(stored: tuple[Path, list[Case]]) -> None:
    root, cases = stored
    store = VectorStore(root)
    for case in cases:
        vector = store.load(case)
        assert {name: array.shape for name, array in vector.golden.items()} == case.outputs
        assert {array.dtype for array in vector.golden.values()} == {np.dtype(np.float64)}
        assert {a.dtype for n, a in vector.arrays.flat.items() if n != "inputs.lengths"} == {case.np_dtype}


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
    assert str(caught.value).endswith(f"; make it with: {command_for(plain, root)}")
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


def test_a_store_in_a_folder_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refused)  # root may look into every folder
    with pytest.raises(VectorError, match="the manifest cannot be read: Permission denied"):
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
