"""Writes a finding as a folder: a suite of one case with its proven vector, the diagnosis, a reproduction by itself.

NAME/specs/fuzz.yaml         the case, with every number in it
NAME/vectors/                its golden values; a crash has none
NAME/finding.txt             what is wrong, what explains it, the commands
NAME/reproduce.py            the right answer by a plain loop beside the engine's, without the suite
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from conformance.adapters import registry
from conformance.adapters.harness import configuration
from conformance.case.load import load_spec
from conformance.case.text import visible
from conformance.files import replace_file
from conformance.fuzz.findings import Finding
from conformance.fuzz.reproducing import script
from conformance.fuzz.specs import FAMILY, spec, with_values
from conformance.golden import index
from conformance.golden.build import build
from conformance.golden.metadata import file_of
from conformance.golden.store import VectorStore

WARNING = (
    "This input ends the process that computes, or makes it hang. Report it to the vendor, in private where the vendor "
    "has a way for that, and do not publish it: neither here nor in an issue that everyone can read."
)


def write(folder: Path, finding: Finding, label: str, versions: Mapping[str, str]) -> Path:
    """Write a finding below a folder, in place of what was there of the same kind; returns its own folder."""
    own = folder / finding.name
    case = with_values(finding.case.model_copy(update={"id": f"{FAMILY}/{finding.name}"}), finding.arrays)
    said = f"case {finding.number} of seed {finding.seed}{', reduced' if finding.again else ''}; {label}"
    file = own / "specs" / f"{FAMILY}.yaml"
    replace_file(file, spec(case, said))
    (case,) = load_spec(file)
    if finding.vector is not None:
        built = build(case)
        (own / "vectors").mkdir(parents=True, exist_ok=True)
        store = VectorStore(own / "vectors")
        store.save(case, file_of(case, built.vector), built.bits)
        store.write_manifest()
        index.write([case], store)
    replace_file(own / "reproduce.py", script(finding, case, label))
    replace_file(own / "finding.txt", text(finding, own, label, versions))
    return own


def text(finding: Finding, folder: Path, label: str, versions: Mapping[str, str]) -> str:
    """What there is to say of a finding."""
    named = configuration.option_for(registry.parse(label).name)
    own = ["--specs", str(folder / "specs"), "--vectors", str(folder / "vectors")]
    runs = ["conformance", "run", "--adapter", label, *named, *own]
    package = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [f"{finding.outcome.name.upper()} {FAMILY}/{finding.name} [{label}; {package}]"]
    if finding.dangerous:
        lines.append(WARNING)
    lines += [f"  {line}" for line in finding.outcome.story(None)]
    lines += [f"  noticed: {finding.note}"] if finding.note else []
    origin = f"case {finding.number} of seed {finding.seed}: {finding.case.summary()}"
    if finding.again:
        lines.append(f"  reduced from {origin}")
    else:
        lines.append(f"  met in {origin}")
        lines.append("  asked by itself, the case did not do it again: what the process was asked before may matter")
    lines.append(
        f"  again: {shlex.join(runs)}" if finding.vector is not None else "  no golden values: nothing came back"
    )
    lines.append(f"  without the suite: python {folder / 'reproduce.py'}")
    return visible("\n".join(lines), lines=True) + "\n"
