"""The store of vectors: one safetensors file per case, and MANIFEST.json, which describes each file.

    vectors/<family>/<name>.safetensors
    vectors/MANIFEST.json     case id -> file, sha256, spec digest, oracle bits, source

A vector is returned only if its file is inside the folder, its SHA-256 and spec digest match, its tensors have the
dtypes and shapes of the case, and it says that it is of this case. An invalid line of the manifest affects only its own
case.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.data import default_folders
from conformance.files import MEBIBYTE, TEMPORARY, FileError, demand_writable, parse_json, read_file, replace_file
from conformance.golden.metadata import misfit
from conformance.golden.vector import TensorTypes, Vector, most_bytes, tensors_of

FORMAT = 1
MANIFEST = "MANIFEST.json"
MOST_BYTES: Final = 64 * MEBIBYTE
"""The largest manifest that is read: about 200,000 vectors."""
_LONGEST_PATH = 512
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One line of the manifest."""

    file: str
    sha256: str
    spec: str
    bits: int
    source: str | None = None


class VectorStore:
    """The vectors below one folder.

    Attributes:
        entries: the valid lines of the manifest, by case id.

    Raises:
        VectorError: the manifest exists but cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real_root = Path(os.path.realpath(root))
        self.entries: dict[str, Entry] = {}
        self._wrong: dict[str, str] = {}  # case id -> what is wrong with its line
        self._digest = ""
        self._inside: dict[str, bool] = {}  # folder -> whether it is inside this one
        self._read_manifest()

    def load(self, case: Case) -> Vector:
        """The vector of a case.

        Raises:
            VectorError: the vector is missing, altered or truncated, has other dtypes or shapes, says something else of
                its case, is outside the folder, or was made from another version of the spec.
        """
        data, vector = self.read(case)
        demand_described(case, data, self.root / self.entries[case.id].file, self.root)
        return vector

    def read(self, case: Case) -> tuple[bytes, Vector]:
        """The file of a case and the vector in it, whatever its metadata say.

        Raises:
            VectorError: as `load`.
        """
        again = _Again(case, self.root)
        manifest = self.root / MANIFEST
        if problem := self._wrong.get(case.id):
            raise VectorError(f"{manifest}: {case.id}: {problem}; {again}")
        entry = self.entries.get(case.id)
        if entry is None:
            raise VectorError(f"{case.id} has no vector in {manifest}; {again}")
        path = self.root / entry.file
        if not self._is_inside(path):
            raise VectorError(f"{manifest}: {case.id}: file: {entry.file!r} leads out of the folder; {again}")
        if entry.spec != case.digest():
            raise VectorError(f"{path}: made from another version of {case.origin}; {again}")
        wanted = tensors_of(case)
        try:
            data = read_file(path, most_bytes(wanted))
        except FileError as error:
            raise VectorError(f"{path}: the vector of {case.id} cannot be read: {error.problem}; {again}") from error
        return data, verified(case, wanted, data, entry.sha256, path, again)

    def save(self, case: Case, data: bytes, bits: int) -> None:
        """Write a vector's file atomically. `write_manifest` then writes the manifest.

        Raises:
            FileError: it cannot be written.
        """
        entry = entry_of(case, data, bits)
        replace_file(self.root / entry.file, data)
        self.entries[case.id] = entry
        self._wrong.pop(case.id, None)

    def prune(self, kept: Collection[str]) -> None:
        """Delete the vectors of all cases but these, and the temporary files that killed commands left behind."""
        for path in self.root.rglob(TEMPORARY):
            path.unlink(missing_ok=True)
        for case_id in self.stale(kept):
            self._wrong.pop(case_id, None)
            entry = self.entries.pop(case_id, None)
            if entry is not None and self._is_inside(path := self.root / entry.file):
                path.unlink(missing_ok=True)

    def stale(self, kept: Collection[str]) -> list[str]:
        """The cases of the manifest that are not among these."""
        return sorted((self.entries.keys() | self._wrong.keys()) - set(kept))

    def demand_writable(self) -> None:
        """Raise FileError if vectors cannot be written."""
        demand_writable(self.root)

    def write_manifest(self) -> None:
        """Write the manifest atomically.

        Raises:
            FileError: it cannot be written.
        """
        vectors = {case_id: asdict(self.entries[case_id]) for case_id in sorted(self.entries)}
        data = (json.dumps({"format": FORMAT, "vectors": vectors}, indent=1) + "\n").encode()
        replace_file(self.root / MANIFEST, data)
        self._digest = hashlib.sha256(data).hexdigest()

    def digest(self) -> str:
        """SHA-256 of the manifest, which identifies the golden values that a run was judged by; empty without one."""
        return self._digest

    def _is_inside(self, path: Path) -> bool:
        """Whether a file is inside the folder once links are followed."""
        if path.is_symlink():
            return Path(os.path.realpath(path)).is_relative_to(self._real_root)
        folder = str(path.parent)
        if folder not in self._inside:  # once for each family: every link on the way costs a call of the system
            self._inside[folder] = Path(os.path.realpath(folder)).is_relative_to(self._real_root)
        return self._inside[folder]

    def _read_manifest(self) -> None:
        path = self.root / MANIFEST
        try:
            if not path.exists():
                return
            data = read_file(path, MOST_BYTES)
            content = parse_json(data)
        except FileError as error:
            raise VectorError(f"{path}: the manifest cannot be read: {error.problem}") from error
        except PermissionError as error:  # of a folder above
            raise VectorError(f"{path}: the manifest cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise VectorError(f"{path}: the manifest cannot be read: {error}") from error
        if not isinstance(content, dict) or not isinstance(content.get("vectors"), dict):
            raise VectorError(f'{path}: not a manifest: needs an object with "format" and "vectors"')
        if content.get("format") != FORMAT:
            raise VectorError(f"{path}: format {content.get('format')!r:.40}, but this version reads format {FORMAT}")
        self._digest = hashlib.sha256(data).hexdigest()
        for case_id, fields in content["vectors"].items():
            try:
                self.entries[case_id] = _entry(fields)
            except ValueError as error:
                self._wrong[case_id] = str(error)


def _entry(fields: Any) -> Entry:
    """A parsed line of the manifest.

    Raises:
        ValueError: it is not valid; the message names the field and what is allowed.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"needs an object, not {fields!r:.40}")
    rules: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "file": (_is_a_path, "the path of a file in the folder, like family/name.safetensors"),
        "sha256": (_is_a_digest, "64 hexadecimal digits"),
        "spec": (_is_a_digest, "64 hexadecimal digits"),
        "bits": (lambda value: type(value) is int and value > 0, "a whole number"),
        "source": (lambda value: value is None or isinstance(value, str), "text or null"),
    }
    if unknown := sorted(fields.keys() - rules.keys()):
        raise ValueError(f"{unknown[0]!r:.40}: unknown field; allowed: {', '.join(rules)}")
    for name, (is_right, needed) in rules.items():
        if not is_right(fields.get(name)):
            raise ValueError(f"{name}: needs {needed}, not {fields.get(name)!r:.60}")
    return Entry(**fields)


def _is_a_path(value: Any) -> bool:
    """Whether a value is a relative path that is valid, and stays inside its folder, on any system."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_PATH:
        return False
    return not ({"..", ""} & set(value.split("/")) or "\\" in value or ":" in value)


def _is_a_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def entry_of(case: Case, data: bytes, bits: int) -> Entry:
    """The manifest's entry for these bytes."""
    return Entry(f"{case.id}.safetensors", hashlib.sha256(data).hexdigest(), case.digest(), bits, case.source)


def verified(case: Case, wanted: TensorTypes, data: bytes, sha256: str, path: Path, again: object) -> Vector:
    """The vector of a case, with the tensors `wanted`, in `data`, if the bytes have the given SHA-256.

    Raises:
        VectorError: they do not; the message says whether the file is damaged, altered, or belongs to another case.
    """
    got = hashlib.sha256(data).hexdigest()
    try:
        vector = Vector.from_bytes(data, case)
    except ValueError as error:
        raise VectorError(f"{path}: damaged or truncated ({error}); {again}") from error
    if got != sha256:
        raise VectorError(f"{path}: altered: SHA-256 is {got[:12]}..., the manifest says {sha256[:12]}...; {again}")
    if misfit := vector.misfit(wanted):
        raise VectorError(f"{path}: not a vector of {case.id}: {misfit}; {again}")
    return vector


def demand_described(case: Case, data: bytes, path: Path, root: Path, *, judgement: bool = False) -> None:
    """Raise VectorError if what a file below `root` says of its case (conformance.golden.metadata.misfit) is not so."""
    try:
        problem = misfit(data, case, judgement=judgement)
    except ValueError as error:
        problem = str(error)
    if problem:
        again = f"write it again with: {_generate(case, root, '--repack')}"
        raise VectorError(f"{path}: not a vector of {case.id}: {problem}; {again}")


class _Again:
    """How a vector is made; as text only where it is told, for that takes as long as to read one."""

    def __init__(self, case: Case, root: Path) -> None:
        self._case, self._root = case, root

    def __str__(self) -> str:
        return f"make it with: {_generate(self._case, self._root)}"


def _generate(case: Case, root: Path, *options: str) -> str:
    """The command that makes the vector of a case below a folder, to be typed as it stands."""
    words = ["conformance", "generate", *options, "--case", f"'{case.id}'"]
    if case.origin is not None and root.resolve() != default_folders().vectors:
        words += ["--specs", shlex.quote(str(Path(case.origin.file).parent)), "--vectors", shlex.quote(str(root))]
    return " ".join(words)
