"""Runs the layers of model files through every engine and framework there is, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.adapters import registry
from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.data import default_folders
from conformance.golden import generate
from conformance.golden.store import VectorStore
from conformance.models import bring
from conformance.models import known as known_ones
from conformance.models.bring import BroughtFile
from conformance.models.brought import Brought
from conformance.models.recorded import judged, read_recorded
from conformance.results.deviations import load_all
from conformance.results.record import Record
from conformance.run.settings import RunSettings

OWN_NODE = {"onnxruntime": "OnnxRuntime", "onnx-reference": "OnnxReference", "openvino": "OpenVino"}
"""Adapter of an engine that reads ONNX -> its class in a suite's engines.py, which runs the node of the file."""

Running = Callable[[RunSettings, Sequence[str], Sequence[Case]], Any]


@dataclass(frozen=True)
class Answer:
    """What one implementation made of a layer. own_node: it ran the node of the file. known: the deviation it shows."""

    adapter: str
    own_node: bool
    versions: dict[str, str]
    record: Record
    known: str = ""


@dataclass(frozen=True)
class CheckedLayer:
    """A layer, its case, and every answer; problem: why it has none. warnings: what is known of others."""

    layer: Brought
    case: Case | None
    answers: list[Answer] = field(default_factory=list)
    problem: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """What came of a check: file by file."""

    files: list[tuple[BroughtFile, list[CheckedLayer]]]

    @property
    def cases(self) -> list[Case]:
        """Those that were judged."""
        return [layer.case for _, layers in self.files for layer in layers if layer.case is not None]

    @property
    def wrong(self) -> bool:
        """Whether some answer is wrong."""
        return any(
            answer.record.outcome_class.wrong for _, layers in self.files for each in layers for answer in each.answers
        )


def prove(folder: Path, cases: Sequence[Case]) -> list[str]:
    """Make the golden values of a suite; the problems, a line each."""
    (folder / "vectors").mkdir(parents=True, exist_ok=True)
    summary = generate.generate(
        cases, VectorStore(folder / "vectors"), prune=False, jobs=None, report=lambda case, built: None
    )
    return summary.problems


def check_all(
    folder: Path,
    files: Sequence[BroughtFile],
    adapters: Sequence[str],
    settings: RunSettings,
    run: Running,
    recorded: Path | None = None,
) -> Checked:
    """Write the layers as a suite, prove it, run it, judge it.

    Args:
        adapters: only these; empty for all that load.
        recorded: judge the outputs in this file instead of running anything; there must be one layer.
        run: carries out a run (conformance.cli.running).
    """
    cases = bring.write(folder, files)
    problems = prove(folder, cases) if cases else []
    store = VectorStore(folder / "vectors")
    proven = [case for case in cases if case.id in store.entries]
    answers: dict[str, list[Answer]] = {case.id: [] for case in proven}
    if recorded is not None:
        return _of_recorded(files, proven, problems, store, recorded)
    warnings: dict[str, list[str]] = {}
    if proven:
        own = {f"{folder / 'engines.py'}:{kind}": name for name, kind in OWN_NODE.items()}
        labels = [label for label, name in own.items() if not adapters or name in adapters]
        labels += list(adapters) or registry.names()
        ran = run(replace(settings, specs=folder / "specs", vectors=folder / "vectors"), labels, proven)
        known = load_all(settings.deviations)
        for record in ran.records:
            name = own.get(record.adapter, record.adapter)
            versions = ran.versions[record.adapter]
            shown = known_ones.shown(record, known.get(name, []), versions)
            answers[record.case].append(Answer(name, record.adapter in own, versions, record, shown))
        there = {own.get(label, label) for label in ran.adapters}
        absent = {name: known[name] for name in registry.names() if name in known and name not in there}
        if absent and not adapters:
            suite = load_specs(default_folders().specs)
            warnings = {case.id: known_ones.expected(case, store.load(case), absent, suite) for case in proven}
    by_id = {case.id: case for case in cases}
    ids = iter(case.id for case in cases)
    found = []
    for file in files:
        layers = []
        for layer in file.layers:
            case_id = next(ids)
            case = by_id[case_id] if case_id in answers else None
            problem = "" if case else next((p for p in problems if p.startswith(case_id)), "no golden value was proven")
            layers.append(CheckedLayer(layer, case, answers.get(case_id, []), problem, warnings.get(case_id, [])))
        found.append((file, layers))
    return Checked(found)


def _of_recorded(
    files: Sequence[BroughtFile], proven: Sequence[Case], problems: Sequence[str], store: VectorStore, path: Path
) -> Checked:
    """The judgement of what was recorded of the one layer there is.

    Raises:
        ConformanceError: there is another number of layers.
    """
    layers = [layer for file in files for layer in file.layers]
    names = ", ".join(layer.name for layer in layers)
    if len(layers) != 1:
        raise ConformanceError(f"{path} is of one layer, and there are {len(layers)}: {names}; choose one by --prefix")
    if not proven:
        raise ConformanceError(problems[0] if problems else f"{names}: no golden value was proven")
    record, missing = judged(proven[0], store.load(proven[0]), read_recorded(path), path)
    layer = replace(layers[0], notes=(*layers[0].notes, *missing))
    return Checked([(file, [CheckedLayer(layer, proven[0], [Answer(path.name, False, {}, record)])] * bool(file.layers))
                    for file in files])  # fmt: skip
