"""The store of vectors: one safetensors file a case, and MANIFEST.json, which says what each must be.

    vectors/<family>/<name>.safetensors
    vectors/MANIFEST.json     case id -> file, sha256, spec digest, oracle bits, source

A vector is handed out only if its bytes are those of the manifest and its digest is that of the spec.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.golden.vector import Vector

FORMAT = 1
MANIFEST = "MANIFEST.json"
AGAIN = "make it with: conformance generate --case '{}'"


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

    Raises:
        VectorError: the manifest is there and cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries = _read_manifest(root / MANIFEST)

    def load(self, case: Case) -> Vector:
        """The vector of a case.

        Raises:
            VectorError: missing, altered, truncated, or made from another state of the spec.
        """
        entry = self.entries.get(case.id)
        again = AGAIN.format(case.id)
        if entry is None:
            raise VectorError(f"{case.id} has no vector in {self.root / MANIFEST}; {again}")
        path = self.root / entry.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VectorError(f"{path}: the vector of {case.id} is missing ({error.strerror}); {again}") from error
        if entry.spec != case.digest():
            raise VectorError(f"{path}: made from another state of {case.origin}; {again}")
        return verified(data, entry.sha256, path, again)

    def save(self, case: Case, data: bytes, bits: int) -> None:
        """Write a vector's file, whole or not at all. The manifest follows with `write_manifest`."""
        entry = entry_of(case, data, bits)
        write_atomically(self.root / entry.file, data)
        self.entries[case.id] = entry

    def remove(self, case_id: str) -> None:
        """Forget a vector and delete its file."""
        (self.root / self.entries.pop(case_id).file).unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Delete the temporary files that killed generations left."""
        for path in self.root.rglob(".*.safetensors.*"):
            path.unlink(missing_ok=True)

    def write_manifest(self) -> None:
        """Write the manifest, whole or not at all."""
        vectors = {case_id: asdict(self.entries[case_id]) for case_id in sorted(self.entries)}
        text = json.dumps({"format": FORMAT, "vectors": vectors}, indent=1) + "\n"
        write_atomically(self.root / MANIFEST, text.encode())

    def digest(self) -> str:
        """SHA-256 of the manifest file: names the exact set of golden values a run was judged by."""
        path = self.root / MANIFEST
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def entry_of(case: Case, data: bytes, bits: int) -> Entry:
    """The manifest's line for these bytes."""
    return Entry(f"{case.id}.safetensors", hashlib.sha256(data).hexdigest(), case.digest(), bits, case.source)


def verified(data: bytes, sha256: str, path: Path, again: str) -> Vector:
    """The vector in `data`, if these are the bytes whose SHA-256 is given.

    Raises:
        VectorError: they are not; the text says whether the file is damaged as a whole or altered.
    """
    got = hashlib.sha256(data).hexdigest()
    try:
        vector = Vector.from_bytes(data)
    except ValueError as error:
        raise VectorError(f"{path}: damaged or truncated ({error}); {again}") from error
    if got != sha256:
        raise VectorError(f"{path}: altered: SHA-256 is {got[:12]}..., the manifest says {sha256[:12]}...; {again}")
    return vector


def write_atomically(path: Path, data: bytes) -> None:
    """Put a file in place whole or not at all, also when the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes files private; a vector is as readable as any other file of the project.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_manifest(path: Path) -> dict[str, Entry]:
    if not path.exists():
        return {}
    try:
        content: Any = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise VectorError(f"{path}: format {content['format']}, this version reads format {FORMAT}")
        return {case_id: Entry(**fields) for case_id, fields in content["vectors"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VectorError(f"{path}: the manifest cannot be read: {error!r}") from error
