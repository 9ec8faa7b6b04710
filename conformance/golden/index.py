"""`cases.json`: all cases of a folder of vectors, for readers in any language; derived from the specs and the manifest.

    {"format": 1, "axes": {...}, "tolerance": {...},
     "cases": [{"id", "sha256", "dtype", "sizes", "options", "outputs", "origin", ...}]}

One line for each case, its vector in `<id>.safetensors`; what nearly all have alike is said once, above them.
vectors/cases.schema.json is its JSON Schema, docs/vectors.md explains it. A case that is made on demand has no file. A
case whose vector is missing, or of another version of its spec, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from conformance.case.dtypes import UNIT_ROUNDOFF, DTypeName
from conformance.case.model import Case
from conformance.case.options import Tolerance
from conformance.files import MEBIBYTE, FileError, read_file, replace_file
from conformance.golden.metadata import TENSORS, axes, options, unusual_sizes, usual_axes
from conformance.golden.store import VectorStore
from conformance.golden.vector import remade_of

INDEX = "cases.json"
FORMAT = 1
_MOST_BYTES = 64 * MEBIBYTE
_USUAL = usual_axes()


def write(cases: Sequence[Case], store: VectorStore) -> None:
    """Write the index of a store. cases: all that its specs have.

    Raises:
        FileError: it cannot be written.
    """
    replace_file(store.root / INDEX, _of(cases, store))


def problem(cases: Sequence[Case], store: VectorStore) -> str | None:
    """What is wrong with the index of a store; None if it is what `write` would write."""
    path = store.root / INDEX
    try:
        found = read_file(path, _MOST_BYTES)
    except FileError as error:
        return str(error)
    if found == _of(cases, store):
        return None
    return f"{path}: not what the specs and the manifest say; write it again with: conformance generate --repack"


def text(cases: Sequence[Case], digests: Mapping[str, str], *, whole: bool = False) -> bytes:
    """The index of these cases.

    Args:
        digests: the SHA-256 of the files, by id; a case without one has no file.
        whole: no file leaves tensors to be made again.
    """
    above = {
        "format": FORMAT,
        "axes": {name: tensor.axes.split() for name, tensor in TENSORS.items()} | _USUAL,
        "tolerance": {dtype: Tolerance().terms(dtype) | {"u": UNIT_ROUNDOFF[dtype]} for dtype in get_args(DTypeName)},
    }
    described = [_entry(case, digests.get(case.id), whole) for case in sorted(cases, key=lambda case: case.id)]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in described)
    return f'{json.dumps(above)[:-1]}, "cases": [\n{lines}\n]}}\n'.encode()


def _of(cases: Sequence[Case], store: VectorStore) -> bytes:
    digests: dict[str, str] = {}
    for case in cases:
        entry = store.entries.get(case.id)
        if entry is not None and not case.on_demand and entry.spec == case.digest():
            digests[case.id] = entry.sha256
    return text([case for case in cases if case.on_demand or case.id in digests], digests)


def _entry(case: Case, digest: str | None, whole: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"id": case.id} | ({"sha256": digest} if digest else {"on_demand": True})
    told |= {"made_again": True} if digest and not whole and remade_of(case) else {}
    told |= {"dtype": case.dtype, "sizes": unusual_sizes(case), "options": options(case)}
    told["outputs"] = case.outputs
    other = {name: named for name, named in axes(case).items() if name in _USUAL and named != _USUAL[name]}
    told |= {"axes": other} if other else {}
    told |= {"tolerance": case.tolerance.terms(case.dtype)} if case.tolerance != Tolerance() else {}
    told |= {"source": case.source} if case.source else {}
    # Without its line, which every comment above it would move.
    return told | ({"origin": Path(case.origin.file).name} if case.origin else {})
