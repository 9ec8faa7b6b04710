"""A small store of vectors for tests: its spec, making and checking it, what lies in it, and damage."""

import json
from pathlib import Path
from typing import Any

from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.golden.generate import Summary, check, generate
from conformance.golden.store import MANIFEST, VectorStore

SPEC = """\
family: fam
defaults: {T: 2, B: 4, I: 1, H: 3}
cases:
  - name: plain
  - name: half
    dtype: bfloat16
    lengths: [1, 2, 1, 2]
"""
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


def command_for(case: Case, root: Path, *options: str) -> str:
    """The command that a message names for making the vector of a case in a folder of one's own."""
    assert case.origin is not None
    specs = Path(case.origin.file).parent
    return f"conformance {' '.join(['generate', *options])} --case '{case.id}' --specs {specs} --vectors {root}"


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def contents(root: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _) in snapshot(root).items()}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def edit_manifest(root: Path, case_id: str, **fields: Any) -> None:
    manifest = json.loads((root / MANIFEST).read_text())
    manifest["vectors"][case_id] |= fields
    (root / MANIFEST).write_text(json.dumps(manifest))
