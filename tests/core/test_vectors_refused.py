"""Vectors from a folder that nobody vouches for: what its manifest and its files may not say, and what that costs."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from stores import command_for

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.case.tensors import from_bytes, to_bytes
from conformance.cli import main
from conformance.golden.generate import generate
from conformance.golden.store import MANIFEST, VectorStore
from conformance.golden.vector import most_bytes, tensors_of

CASE = "tiny/lengths"


@dataclass(frozen=True)
class Folder:
    """A copy of a suite's vectors, to be tampered with."""

    root: Path
    case: Case
    others: tuple[Case, ...]

    @property
    def file(self) -> Path:
        return self.root / f"{CASE}.safetensors"

    def enter(self, entry: Any) -> None:
        """Give the case another line in the manifest."""
        content = json.loads((self.root / MANIFEST).read_text())
        content["vectors"][CASE] = entry
        (self.root / MANIFEST).write_text(json.dumps(content))

    def change(self, case_id: str = CASE, **fields: Any) -> None:
        """Change fields of a case's line."""
        content = json.loads((self.root / MANIFEST).read_text())
        content["vectors"][case_id] |= fields
        (self.root / MANIFEST).write_text(json.dumps(content))


@pytest.fixture
def folder(suite, tmp_path) -> Folder:
    shutil.copytree(suite.vectors, tmp_path / "vectors")
    others = tuple(case for case_id, case in suite.cases.items() if case_id.startswith("tiny/") and case_id != CASE)
    return Folder(tmp_path / "vectors", suite.cases[CASE], others)


def linked(folder: Folder, to: str | Path) -> None:
    """Put a link in the place of the case's file."""
    folder.file.unlink()
    folder.file.symlink_to(to)


def link_outside(folder: Folder) -> None:
    outside = folder.file.rename(folder.root.parent / "outside.safetensors")
    folder.file.symlink_to(outside)


def link_the_family_outside(folder: Folder) -> None:
    outside = folder.file.parent.rename(folder.root.parent / "outside")
    folder.file.parent.symlink_to(outside)
    for case in folder.others:  # elsewhere, so that theirs are still inside
        shutil.copy(outside / f"{case.id.partition('/')[2]}.safetensors", folder.root)
        folder.change(case.id, file=f"{case.id.partition('/')[2]}.safetensors")


OUTSIDE = "../outside.safetensors"
NO_PATH = "file: needs the path of a file in the folder, like family/name.safetensors, not "
NO_PIPE = "cannot be read: it is a pipe, not a regular file"
TAMPERED: dict[str, tuple[Callable[[Folder], Any], str]] = {
    "outside": (lambda f: (f.file.rename(f.root / OUTSIDE), f.change(file=OUTSIDE)), NO_PATH + repr(OUTSIDE)),
    "absolute": (lambda f: f.change(file=str(f.file)), NO_PATH + "'/"),
    "windows": (lambda f: f.change(file="C:\\x"), NO_PATH + r"'C:\\x'"),
    "link-outside": (link_outside, "file: 'tiny/lengths.safetensors' leads out of the folder"),
    "family-linked-outside": (link_the_family_outside, "file: 'tiny/lengths.safetensors' leads out of the folder"),
    "link-to-a-device": (lambda f: linked(f, "/dev/zero"), "leads out of the folder"),
    "link-to-itself": (lambda f: linked(f, f.file), "cannot be read: Too many levels of symbolic links"),
    "pipe": (lambda f: (f.file.unlink(), os.mkfifo(f.file)), NO_PIPE),
    "link-to-a-pipe": (lambda f: (os.mkfifo(f.root / "pipe"), linked(f, f.root / "pipe")), NO_PIPE),
    "device": (lambda f: f.change(file="/dev/zero"), NO_PATH + "'/dev/zero'"),
    "number": (lambda f: f.change(file=5), NO_PATH + "5"),
    "null": (lambda f: f.change(file=None), NO_PATH + "None"),
    "nul": (lambda f: f.change(file="tiny/\0"), NO_PATH + r"'tiny/\x00'"),
    "long": (lambda f: f.change(file="x" * 5000), NO_PATH + "'xxx"),
    "line-number": (lambda f: f.enter(3), "needs an object, not 3"),
    "line-null": (lambda f: f.enter(None), "needs an object, not None"),
    "line-long": (lambda f: f.enter(["x" * 5000]), "needs an object, not ['xxx"),
    "field-missing": (lambda f: f.enter({"file": "a"}), "sha256: needs 64 hexadecimal digits, not None"),
    "field-unknown": (lambda f: f.change(bytes=3), "'bytes': unknown field; allowed: file, sha256, spec, bits, source"),
    "digest": (lambda f: f.change(sha256=[1]), "sha256: needs 64 hexadecimal digits, not [1]"),
    "bits": (lambda f: f.change(bits=True), "bits: needs a whole number, not True"),
    "source": (lambda f: f.change(source=7), "source: needs text or null, not 7"),
    "too-large": (
        lambda f: os.truncate(f.file, most_bytes(tensors_of(f.case)) + 1),
        "cannot be read: it is larger than 1 MiB, the limit for such a file",
    ),
}
"""What is done to the case's line or file, and what is said of it."""


@pytest.mark.parametrize(("tamper", "said"), TAMPERED.values(), ids=TAMPERED)
def test_a_line_or_a_file_that_is_wrong_is_refused_and_costs_its_case_alone(folder, tamper, said):
    tamper(folder)
    store = VectorStore(folder.root)
    with pytest.raises(VectorError) as raised:
        store.load(folder.case)
    message = str(raised.value)
    assert said in message
    assert message.startswith(str(folder.root))
    assert message.endswith(f"; make it with: {command_for(folder.case, folder.root)}")
    assert "\n" not in message and len(message.partition("; make it with")[0]) < 500
    for case in folder.others:
        store.load(case)


Tensors = dict[str, Any]
OTHER_TENSORS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "golden": (lambda t: {"golden.y": t["golden.y"].astype(np.float32)}, "golden.y is float32, not float64"),
    "kappa": (lambda t: {"kappa.y": t["kappa.y"] > 0}, "kappa.y is bool, not int8"),
    "x": (
        lambda t: {"inputs.x": t["inputs.x"].astype(np.float64)},
        "inputs.x: the file has float64 (4, 2, 3), the case needs float32 (4, 2, 3)",
    ),
    "weight": (
        lambda t: {"weights.R.1": t["weights.R.1"].astype(np.float16)},
        "weights.R.1: the file has float16 (4, 5, 5), the case needs float32 (4, 5, 5)",
    ),
    "shape": (
        lambda t: {"weights.W.0": t["weights.W.0"].swapaxes(1, 2)},
        "weights.W.0: the file has float32 (4, 3, 5), the case needs float32 (4, 5, 3)",
    ),
    "lengths": (
        lambda t: {"inputs.lengths": t["inputs.lengths"].astype(np.float32)},
        "inputs.lengths: the file has float32 (2), the case needs int64 (2)",
    ),
    "missing": (lambda t: {"inputs.h0": None}, "inputs.h0: the file has none, the case needs float32 (2, 2, 5)"),
    "golden-missing": (
        lambda t: {"golden.c_n": None, "kappa.c_n": None},
        "golden.c_n: the file has none, the case needs float64 (2, 2, 5)",
    ),
    "more": (
        lambda t: {"weights.peephole.0": np.zeros((3, 5), np.float32)},
        "weights.peephole.0: the file has float32 (3, 5), the case needs none",
    ),
}
"""What other tensors the file has, and what is said of them; the digests are made to fit."""


@pytest.mark.parametrize(("change", "said"), OTHER_TENSORS.values(), ids=OTHER_TENSORS)
def test_tensors_that_are_not_the_case_s_are_refused_though_the_digests_fit(folder, change, said):
    tensors = from_bytes(folder.file.read_bytes())
    tensors = {name: array for name, array in (tensors | change(tensors)).items() if array is not None}
    folder.file.write_bytes(to_bytes(tensors))
    folder.change(sha256=hashlib.sha256(folder.file.read_bytes()).hexdigest())
    with pytest.raises(VectorError) as raised:
        VectorStore(folder.root).load(folder.case)
    assert said in str(raised.value)


def test_a_run_loses_the_cases_whose_vectors_are_refused_and_no_other(folder, suite):
    *wrong, right = folder.others
    for case, file in zip(wrong, (5, None, "/dev/zero"), strict=True):
        folder.change(case.id, file=file)
    folder.file.unlink()
    os.mkfifo(folder.file)
    arguments = ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "--vectors", folder.root]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 1
    lost = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ERRORED ")]
    assert sorted(lost) == sorted([CASE, *(case.id for case in wrong)])
    assert right.id not in lost
    assert done.stdout.endswith("5 results, 4 unexpected\n")
    assert "Traceback" not in done.output


def test_pruning_deletes_nothing_outside_the_folder(folder):
    outside = folder.root.parent / "outside.safetensors"
    outside.write_bytes(b"mine")
    linked = folder.root / "tiny" / "elsewhere"
    linked.symlink_to(folder.root.parent)
    folder.enter({"file": "../outside.safetensors"})
    folder.change(folder.others[0].id, file="tiny/elsewhere/outside.safetensors")
    generate([], VectorStore(folder.root), prune=True, jobs=1, report=lambda case, built: None)
    assert outside.read_bytes() == b"mine"
    assert VectorStore(folder.root).entries == {}
