"""Runs the layers of model files through every engine and framework there is, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.model import Case
from conformance.case.outcomes import Passed
from conformance.case.text import shortened
from conformance.engines import state
from conformance.golden.build import build
from conformance.golden.metadata import file_of
from conformance.golden.store import VectorStore
from conformance.models import bring, own_nodes, running
from conformance.models.bring import BroughtFile
from conformance.models.checked import Answer, Checked, CheckedLayer
from conformance.models.running import Asked, Told
from conformance.results.record import AdapterInfo
from conformance.run.process import Worker
from conformance.run.settings import RunSettings


@dataclass(frozen=True)
class Proven:
    """Layers as a suite with golden values. problems: by the id of the case that has none."""

    files: Sequence[BroughtFile]
    cases: list[Case]
    store: VectorStore
    problems: Mapping[str, str]

    @property
    def proven(self) -> list[Case]:
        """The cases that have golden values."""
        return [case for case in self.cases if case.id in self.store.entries]


def prove(folder: Path, files: Sequence[BroughtFile]) -> Proven:
    """Write the layers as a suite and make its golden values.

    Raises:
        ConformanceError: the suite cannot be written.
    """
    cases = bring.write(folder, files)
    (folder / "vectors").mkdir(parents=True, exist_ok=True)
    store = VectorStore(folder / "vectors")
    if not cases:
        return Proven(files, [], store, {})
    found = _proven_here(cases[0], store) if len(cases) == 1 else _proven_in_processes(cases, store)
    missing = [case.id for case in cases if case.id not in store.entries]
    problems = {name: next((p for p in found if f"{name}:" in p), f"{name}: no golden value was proven")
                for name in missing}  # fmt: skip
    return Proven(files, cases, store, problems)


def _proven_here(case: Case, store: VectorStore) -> list[str]:
    """Make the golden values of a single case, for which starting processes would take longer; the problems."""
    try:
        built = build(case)
    except ConformanceError as error:
        return [str(error)]
    store.save(case, file_of(case, built.vector), built.bits)
    store.write_manifest()
    return []


def _proven_in_processes(cases: Sequence[Case], store: VectorStore) -> list[str]:
    from conformance.golden.generate import generate

    return generate(cases, store, prune=False, jobs=None, report=lambda case, built: None).problems


def check_all(
    made: Proven,
    adapters: Sequence[str],
    folder: Path,
    settings: RunSettings,
    report: Callable[[Told], None],
    begun: Worker | None = None,
    *,
    profiles: bool = False,
) -> Checked:
    """Run the layers and judge the answers.

    An engine that reads the file's format runs the node as the file has it. Where it does so rightly, the model that
    its adapter builds from the same weights would say nothing new; it runs only where the node was refused or came out
    wrong, to tell whether the form of the node is to blame.

    Args:
        adapters: the labels of those to run; empty for all that load.
        folder: of the suite.
        report: called as each implementation is done.
        begun: a worker that was started for one of them (conformance.models.running).
        profiles: whether failures get their profile along time, which takes a while and only a report shows.

    Raises:
        AdapterUnavailable: an adapter that was named cannot be made here, or there is none.
    """
    told: list[Told] = []
    unusable = {} if adapters else state.unusable()
    if made.proven:
        chosen = list(dict.fromkeys(adapters)) or [name for name in registry.available() if name not in unusable]
        first = _first(folder, chosen, made.proven)
        told = running.run(first, made.store, settings, report, begun, profiles=profiles)
        told += running.run(_again(chosen, told), made.store, settings, report, profiles=profiles)
    absent = list(dict.fromkeys(each.absent for each in told if each.absent))
    if absent and (adapters or all(each.absent for each in told)):
        raise AdapterUnavailable(absent[0] if adapters else "no adapter loads here; see: conformance doctor")
    answers = _answers(told, settings)
    warnings = {} if adapters else _warnings(made, told, settings, unusable)
    absent += [said] if told and unusable and (said := state.said_absent()) else []
    return Checked(_by_file(made, answers, warnings), absent, made.store.digest())


def _first(folder: Path, adapters: Sequence[str], cases: Sequence[Case]) -> list[Asked]:
    """The own nodes in their engines, and every case with the adapters that have no such engine."""
    with_node = [case for case in cases if (folder / own_nodes.FOLDER / f"{case.id}.onnx").exists()]
    own, others = [], []
    for adapter in adapters:
        label = own_nodes.label_of(folder, adapter) if with_node else None
        if label is not None:
            own.append(Asked(label, adapter, True, with_node))
        rest = [case for case in cases if label is None or case not in with_node]
        if rest:
            others.append(Asked(adapter, adapter, False, rest))
    return own + others


def _again(adapters: Sequence[str], told: Sequence[Told]) -> list[Asked]:
    """The adapters of engines that did not get their own node right, with those cases that they may take."""
    found = []
    for each in told:
        if not each.asked.own_node or each.absent:
            continue
        cases = {case.id: case for case in each.asked.cases}
        wanted = [cases[record.case] for record in each.records if record.outcome != Passed.name]
        reasons = running.refusals(each.asked.adapter, wanted) or [None] * len(wanted)
        if taken := [case for case, reason in zip(wanted, reasons, strict=True) if reason is None]:
            found.append(Asked(each.asked.adapter, each.asked.adapter, False, taken))
    return found


def _answers(told: Sequence[Told], settings: RunSettings) -> dict[str, list[Answer]]:
    """The answers by the id of their case."""
    answers: dict[str, list[Answer]] = {}
    for each in told:
        name = registry.parse(each.asked.adapter).name
        for record in each.records:
            known = None
            if record.outcome_class.wrong:
                from conformance.models import known as known_ones
                from conformance.results.deviations import load_deviations

                known = known_ones.shown(record, load_deviations(settings.deviations, name), each.info.versions)
            made = Answer(each.asked.adapter, each.asked.own_node, each.info, record, known)
            answers.setdefault(record.case, []).append(made)
    return answers


def _warnings(
    made: Proven, told: Sequence[Told], settings: RunSettings, unusable: Iterable[str]
) -> dict[str, list[str]]:
    """What is known of the adapters that are not here, by the id of the case that would show it."""
    away = {registry.parse(each.asked.adapter).name for each in told if each.absent} | set(unusable)
    if not away:
        return {}
    from conformance.case.load import load_specs
    from conformance.data import default_folders
    from conformance.models import known as known_ones
    from conformance.results.deviations import load_all

    known = {name: found for name, found in load_all(settings.deviations).items() if name in away}
    suite = load_specs(default_folders().specs)
    return {case.id: known_ones.expected(case, made.store.load(case), known, suite) for case in made.proven}


def _by_file(
    made: Proven, answers: Mapping[str, list[Answer]], warnings: Mapping[str, list[str]]
) -> list[tuple[BroughtFile, list[CheckedLayer]]]:
    cases = iter(made.cases)  # in the order of the files and of the layers in them
    found = []
    for file in made.files:
        layers = []
        for layer in file.layers:
            case = next(cases)
            problem = made.problems.get(case.id, "")
            own = None if problem else case
            layers.append(
                CheckedLayer(case.id, layer, own, answers.get(case.id, []), problem, warnings.get(case.id, []))
            )
        found.append((file, layers))
    return found


def of_recorded(made: Proven, path: Path, *, profiles: bool = False) -> Checked:
    """The judgement of numbers that were recorded elsewhere of the one layer there is.

    A layer with a clip is two cases, one for each reading; numbers that are right by one are not held to the other.

    Args:
        profiles: whether a failure gets its profile along time.

    Raises:
        ConformanceError: there is another number of layers, or the file cannot be read.
    """
    from conformance.models.recorded import judged, read_recorded

    if len({(id(file), layer.where) for file in made.files for layer in file.layers}) != 1:
        found = [shortened(f"{file.path}: {layer.where}") for file in made.files for layer in file.layers]
        names = f" ({'; '.join(found[:8])}{'; ...' if found[8:] else ''})" if found else ""
        raise ConformanceError(
            f"{path} is of one layer, and there are {len(found)}{names}; give one file and choose its layer by --prefix"
        )
    if not made.proven:
        raise ConformanceError(next(iter(made.problems.values())))
    arrays = read_recorded(path)
    told = {case.id: judged(case, made.store.load(case), arrays, path, along_time=profiles) for case in made.proven}
    right = [name for name, (record, _) in told.items() if record.outcome == Passed.name]
    info = AdapterInfo(device="unknown")
    answers = {name: [Answer(path.name, False, info, told[name][0], recorded=True)] for name in right or told}
    (file,) = [file for file in made.files if file.layers]
    notes = {case.id: told[case.id][1] if case.id in answers else ["what was recorded follows the other reading"]
             for case in made.proven}  # fmt: skip
    noted = [replace(layer, notes=(*layer.notes, *notes.get(case.id, [])))
             for layer, case in zip(file.layers, made.cases, strict=True)]  # fmt: skip
    files = [replace(each, layers=noted) if each is file else each for each in made.files]
    return Checked(_by_file(replace(made, files=files), answers, {}), vectors=made.store.digest())
