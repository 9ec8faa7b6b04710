"""The runners of a session, one for each adapter asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.data import default_folders
from conformance.golden.store import VectorStore
from conformance.results.deviations import load_deviations
from conformance.results.record import AdapterInfo
from conformance.results.result import Result
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings


class SessionRunners:
    """At most one of them has a worker at a time.

    Attributes:
        store: the golden vectors.
        known: the known deviations of each adapter.

    Raises:
        ConformanceError: a label names no place; a deviations file is wrong.
    """

    def __init__(self, labels: Sequence[str], settings: RunSettings) -> None:
        self._settings = settings
        self._own_specs = default_folders().specs
        self.store = VectorStore(settings.vectors)
        self.known = {label: load_deviations(settings.deviations, registry.parse(label).name) for label in labels}
        self._runners = {label: Runner(label, self.store, self.known[label], settings) for label in labels}
        self._unavailable: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._runners)

    def info(self, label: str) -> AdapterInfo:
        """Who answers; empty before the first start."""
        return self._runners[label].info

    def start(self, label: str) -> None:
        """Start an adapter's worker unless it runs, end every other one's. What cannot load is tried only once.

        Raises:
            AdapterUnavailable: it cannot load.
        """
        for other, runner in self._runners.items():
            if other != label:
                runner.close()
        if label not in self._unavailable:
            try:
                self._runners[label].start()
            except AdapterUnavailable as error:
                self._unavailable[label] = str(error)
        if label in self._unavailable:
            raise AdapterUnavailable(self._unavailable[label])

    def run(self, label: str, case: Case, spec: Path) -> Result:
        """The result of a case of a spec, with what `conformance run` has to be given to come to it again."""
        specs = self._own_specs if spec.is_relative_to(self._own_specs) else spec.parent
        result = self._runners[label].run(case)
        return replace(result, options=replace(self._settings, specs=specs).again(label))

    def quick(self, cases: Iterable[Case]) -> dict[str, frozenset[str]]:
        """The ids of the quick ones of some cases, for each adapter.

        An adapter of another place is started for it; one that cannot load gets all cases, and so says why.

        Raises:
            ConformanceError: there is no table of catches beside the vectors, or it cannot be read.
        """
        from conformance.quick.choose import Chooser

        asked = list({case.id: case for case in cases}.values())
        chooser, found = Chooser(self._settings.vectors), {}
        for label in self._runners:
            name = registry.parse(label).name
            try:
                supports = self._supports(label)
            except AdapterUnavailable:
                found[label] = frozenset(case.id for case in asked)
                continue
            found[label] = chooser.choose(asked, name, supports, self.known[label]).ids
        return found

    def _supports(self, label: str) -> Callable[[Case], bool]:
        """Whether an adapter takes a case."""
        if registry.parse(label).place:
            self.start(label)
            return self._runners[label].supports
        refusal = registry.load(label).capabilities.refusal
        return lambda case: refusal(case) is None

    def close(self) -> None:
        """End the workers."""
        for runner in self._runners.values():
            runner.close()
