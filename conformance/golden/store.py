"""The store of vectors: one safetensors file for each case, and MANIFEST.json, which says what each must be.

    vectors/<family>/<name>.safetensors
    vectors/MANIFEST.json     case id -> file, sha256, spec digest, oracle bits, source

A vector is handed out only if its file lies in the folder, its bytes are those of the manifest, its digest is that of
the spec, and its tensors have the dtypes and shapes of the case. A line of the manifest that is wrong costs its case.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.files import MEBIBYTE, TEMPORARY, FileError, demand_writable, parse_json, read_file, replace_file
from conformance.golden.vector import Vector, most_bytes

FORMAT = 1
MANIFEST = "MANIFEST.json"
MOST_BYTES: Final = 64 * MEBIBYTE
"""That a manifest may have: about 200,000 vectors."""
AGAIN = "make it with: conformance generate --case '{}'"
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
        entries: what the manifest says of each case, as far as it can be understood.

    Raises:
        VectorError: the manifest is there and cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries: dict[str, Entry] = {}
        self._wrong: dict[str, str] = {}  # case id -> what is wrong with its line
        self._digest = ""
        self._read_manifest()

    def load(self, case: Case) -> Vector:
        """The vector of a case.

        Raises:
            VectorError: missing, altered, truncated, of other dtypes or shapes, outside the folder, or made from
                another state of the spec.
        """
        again = AGAIN.format(case.id)
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
            raise VectorError(f"{path}: made from another state of {case.origin}; {again}")
        try:
            data = read_file(path, most_bytes(case))
        except FileError as error:
            raise VectorError(f"{path}: the vector of {case.id} cannot be read: {error.problem}; {again}") from error
        return verified(case, data, entry.sha256, path, again)

    def save(self, case: Case, data: bytes, bits: int) -> None:
        """Write a vector's file, whole or not at all. The manifest follows with `write_manifest`.

        Raises:
            FileError: it cannot be written.
        """
        entry = entry_of(case, data, bits)
        replace_file(self.root / entry.file, data)
        self.entries[case.id] = entry
        self._wrong.pop(case.id, None)

    def prune(self, kept: Collection[str]) -> None:
        """Forget the vectors of all but these cases, and delete their files, and what killed commands left."""
        for path in self.root.rglob(TEMPORARY):
            path.unlink(missing_ok=True)
        for case_id in self.stale(kept):
            self._wrong.pop(case_id, None)
            entry = self.entries.pop(case_id, None)
            if entry is not None and self._is_inside(path := self.root / entry.file):
                path.unlink(missing_ok=True)

    def stale(self, kept: Collection[str]) -> list[str]:
        """The cases that the manifest has beside these."""
        return sorted((self.entries.keys() | self._wrong.keys()) - set(kept))

    def demand_writable(self) -> None:
        """Raises FileError if no vector can be written."""
        demand_writable(self.root)

    def write_manifest(self) -> None:
        """Write the manifest, whole or not at all.

        Raises:
            FileError: it cannot be written.
        """
        vectors = {case_id: asdict(self.entries[case_id]) for case_id in sorted(self.entries)}
        data = (json.dumps({"format": FORMAT, "vectors": vectors}, indent=1) + "\n").encode()
        replace_file(self.root / MANIFEST, data)
        self._digest = hashlib.sha256(data).hexdigest()

    def digest(self) -> str:
        """SHA-256 of the manifest file: names the exact set of golden values a run was judged by. Empty without one."""
        return self._digest

    def _is_inside(self, path: Path) -> bool:
        """Whether a file is below the folder, links followed."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def _read_manifest(self) -> None:
        path = self.root / MANIFEST
        if not path.exists():
            return
        try:
            data = read_file(path, MOST_BYTES)
            content = parse_json(data)
        except FileError as error:
            raise VectorError(f"{path}: the manifest cannot be read: {error.problem}") from error
        except ValueError as error:
            raise VectorError(f"{path}: the manifest cannot be read: {error}") from error
        if not isinstance(content, dict) or not isinstance(content.get("vectors"), dict):
            raise VectorError(f'{path}: not a manifest: needs an object with "format" and "vectors"')
        if content.get("format") != FORMAT:
            raise VectorError(f"{path}: format {content.get('format')!r:.40}, this version reads format {FORMAT}")
        self._digest = hashlib.sha256(data).hexdigest()
        for case_id, fields in content["vectors"].items():
            try:
                self.entries[case_id] = _entry(fields)
            except ValueError as error:
                self._wrong[case_id] = str(error)


def _entry(fields: Any) -> Entry:
    """A line of the manifest.

    Raises:
        ValueError: it is not one, with the field and what is allowed.
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
    """Whether a text can name a file below a folder on any system."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > _LONGEST_PATH:
        return False
    return not ({"..", ""} & set(value.split("/")) or "\\" in value or ":" in value)


def _is_a_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def entry_of(case: Case, data: bytes, bits: int) -> Entry:
    """The manifest's line for these bytes."""
    return Entry(f"{case.id}.safetensors", hashlib.sha256(data).hexdigest(), case.digest(), bits, case.source)


def verified(case: Case, data: bytes, sha256: str, path: Path, again: str) -> Vector:
    """The vector of a case in `data`, if these are the bytes whose SHA-256 is given.

    Raises:
        VectorError: they are not; the text says whether the file is damaged as a whole, altered, or of another case.
    """
    got = hashlib.sha256(data).hexdigest()
    try:
        vector = Vector.from_bytes(data)
    except ValueError as error:
        raise VectorError(f"{path}: damaged or truncated ({error}); {again}") from error
    if got != sha256:
        raise VectorError(f"{path}: altered: SHA-256 is {got[:12]}..., the manifest says {sha256[:12]}...; {again}")
    if misfit := vector.misfit(case):
        raise VectorError(f"{path}: not a vector of {case.id}: {misfit}; {again}")
    return vector
