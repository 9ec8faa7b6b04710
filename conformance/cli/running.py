"""A run under the eyes of a user: what `conformance run` and `conformance upgrade` share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance import __version__
from conformance.case.errors import AdapterUnavailable
from conformance.case.text import counted
from conformance.cli import options
from conformance.cli.interrupts import interrupted
from conformance.cli.progress import RunProgress
from conformance.cli.starting import begun

if TYPE_CHECKING:
    from conformance.case.model import Case
    from conformance.cli.here import Adapters, AnyRunner
    from conformance.cli.quick import QuickOptions
    from conformance.golden.store import VectorStore
    from conformance.results.deviations import Deviation
    from conformance.results.reading import Results
    from conformance.results.record import Header, Record, Shared
    from conformance.results.result import Result
    from conformance.results.writing import ResultsFile
    from conformance.run.process import Worker
    from conformance.run.settings import RunSettings


@dataclass(frozen=True)
class Ran:
    """What came of a run.

    adapters: the labels that loaded. records: the results, each adapter's in the order of the specs.
    shared: what the unexpected failures of each adapter have in common.
    warnings: what in the known deviations can have no effect, a line each.
    """

    adapters: list[str]
    records: list[Record]
    shared: list[Shared]
    warnings: list[str]


@dataclass(frozen=True)
class Run:
    """What is to be run, and how; the fields are the options of `conformance run`.

    labels: the adapters, which run as `settings` say. optional: those that do not load are named and left out.
    shipped: only cases whose golden values are not made on demand. quick: only the quick ones of the cases, which
    differ between adapters. part: `k/n`.
    output: the results file, if one is to be written. resumable: whether the command has --resume.
    on: the cluster to run on, as options.pool takes it.
    """

    labels: Sequence[str]
    settings: RunSettings
    patterns: Sequence[str] = ()
    shipped: bool = False
    quick: QuickOptions | None = None
    part: str | None = None
    output: Path | None = None
    resume: bool = False
    resumable: bool = True
    jobs: int | None = None
    on: str | None = None
    optional: bool = False

    def carried_out(self, *, beside: bool = False) -> Ran:
        """Run it.

        Args:
            beside: say what is not run on standard error, for standard output is something else's.

        Raises:
            ConformanceError: the run cannot be made.
        """
        start = time.monotonic()
        with self._begun() as worker:  # first of all: while the adapter loads, there is time for the rest
            return self._carried_out(worker, start, beside)

    def _begun(self) -> contextlib.AbstractContextManager[Worker | None]:
        """The worker of a single adapter, not yet ready; None where there are several, whose turns come later."""
        if len(self.labels) > 1 or self.settings.in_process or self.optional or self.on is not None:
            return contextlib.nullcontext()
        return begun(self.labels[0], self.settings)

    def _carried_out(self, begun: Worker | None, start: float, beside: bool) -> Ran:
        from conformance.results.writing import ResultsFile

        # Before any adapter has loaded, which takes a while: that the results can be written, and by nobody else.
        with ResultsFile(self.output) if self.output is not None else contextlib.nullcontext() as file:
            return self._written_to(file, begun, start, beside)

    @contextlib.contextmanager
    def _adapters(
        self, store: VectorStore, known: Mapping[str, list[Deviation]], begun: Worker | None
    ) -> Iterator[Adapters]:
        """The adapters, not yet loaded; given their known deviations.

        Raises:
            ConformanceError: the cluster cannot be used, or one of its workers differs.
        """
        from conformance.cli.here import AdaptersHere

        profiles = self.output is not None
        if self.on is None:
            with AdaptersHere(known, store, self.settings, profiles=profiles, begun=begun, jobs=self.jobs) as here:
                yield here
            return
        with options.pool(self.on, self.settings.vectors, self.jobs) as pool:
            from conformance.cluster.adapters import AdaptersOnCluster

            assert pool is not None
            with AdaptersOnCluster(pool, known, self.settings, profiles=profiles) as there:
                yield there

    def _written_to(self, file: ResultsFile | None, begun: Worker | None, start: float, beside: bool) -> Ran:
        from conformance.case.select import select_cases
        from conformance.golden import cache
        from conformance.golden.store import VectorStore
        from conformance.results.merge import demand_same_run
        from conformance.results.record import Asked, Header, selection_digest

        selected = select_cases(self.settings.specs, self.patterns, shipped=self.shipped)
        if self.quick is None:  # a quick run needs hardly one of them
            cache.demand_usable(self._part_of(selected))
        store = VectorStore(self.settings.vectors)
        known = self._known()
        with self._adapters(store, known, begun) as adapters:
            loaded = self._start(adapters, beside)
            whole = self._quick_of(selected, adapters, loaded, known, beside)
            cases = {label: self._part_of(given) for label, given in whole.items()}
            header = Header(
                suite=__version__,
                vectors=store.digest(),
                cases=len(selected),
                selection=selection_digest(case.id for case in selected),
                shard=self.part,
                quick={label: Asked.of(case.id for case in given) for label, given in whole.items()}
                if self.quick is not None
                else {},
                adapters={label: runner.info for label, runner in loaded.items()},
            )
            found = file.left() if self.resume and file is not None else None
            if found:
                demand_same_run(found, header, {label: {case.id for case in given} for label, given in cases.items()})
                options.console(error=beside).print(
                    f"{self.output} has {counted(len(found.records), 'result')}, "
                    f"{sum(map(len, cases.values())) - len(found.records):,} to go"
                )
            records, shared = self._run(adapters, loaded, cases, header, file, found, start)
        place = {(label, case.id): (n, k) for n, label in enumerate(loaded) for k, case in enumerate(cases[label])}
        return Ran(
            list(loaded),
            sorted(records, key=lambda record: place[record.adapter, record.case]),
            shared,
            self._warnings(known, loaded, selected),
        )

    def _part_of(self, cases: list[Case]) -> list[Case]:
        from conformance.case.select import shard

        return shard(cases, self.part) if self.part else cases

    def _quick_of(
        self,
        cases: list[Case],
        adapters: Adapters,
        loaded: Iterable[str],
        known: Mapping[str, list[Deviation]],
        beside: bool,
    ) -> dict[str, list[Case]]:
        """What is asked of each adapter, before it is divided into parts; without --quick all cases."""
        if self.quick is None:
            return dict.fromkeys(loaded, cases)
        from conformance.cli.here import AdaptersHere

        assert isinstance(adapters, AdaptersHere)  # the command refuses --quick with --on
        supports = {label: adapters.runners[label].supports for label in loaded}
        return self.quick.said_of(cases, self.settings.vectors, supports, known, beside=beside)

    def _known(self) -> dict[str, list[Deviation]]:
        """The known deviations of each adapter."""
        from conformance.adapters import registry
        from conformance.results.deviations import load_deviations

        return {label: load_deviations(self.settings.deviations, registry.parse(label).name) for label in self.labels}

    def _warnings(
        self, known: Mapping[str, list[Deviation]], loaded: Mapping[str, AnyRunner], selected: list[Case]
    ) -> list[str]:
        from conformance.adapters import registry
        from conformance.results.deviations import idle, unread

        there = {*registry.available(), *(registry.parse(label).name for label in self.labels)}
        found = unread(self.settings.deviations, there)
        cases = self._cases_of_deviations(selected) if any(known.values()) else None
        for label, runner in loaded.items():
            found += idle(known[label], label, runner.versions, cases)
        return list(dict.fromkeys(found))

    def _cases_of_deviations(self, selected: list[Case]) -> list[str] | None:
        """The ids of all cases that the deviations may speak of; None where that would have to be read for it alone."""
        from conformance.case.select import select_cases

        own_specs = self.settings.specs == options.FOLDERS.specs
        if self.settings.deviations == options.FOLDERS.deviations:
            # They are of the suite's own cases, and its tests ask whether each fits one.
            return [case.id for case in selected] if own_specs and not (self.patterns or self.shipped) else None
        # A folder of deviations may serve several folders of specs, that of the suite for one.
        folders = {self.settings.specs, options.FOLDERS.specs}
        return [case.id for folder in sorted(folders) for case in select_cases(folder, ())]

    def _start(self, adapters: Adapters, beside: bool) -> dict[str, AnyRunner]:
        """The runners whose adapter loads."""
        loaded: dict[str, AnyRunner] = {}
        runners, order = adapters.runners, list(adapters.runners)
        for n, (label, runner) in enumerate(runners.items()):
            for following in order[n : n + adapters.loading]:
                runners[following].begin()
            # A spinner would run on over a debugger's prompt.
            quiet = self.settings.in_process
            with contextlib.nullcontext() if quiet else options.status(f"loading {label}", error=beside):
                try:
                    runner.start()
                except AdapterUnavailable as error:
                    if not self.optional:
                        raise
                    say = options.console(error=beside)
                    say.print(f"not here: {error}", markup=False, highlight=False)
                    continue
            if len(runners) > adapters.loading:
                runner.close()  # no more workers hold their frameworks' memory than run at a time
            loaded[label] = runner
        if not loaded:
            raise AdapterUnavailable("no adapter loads here; see: conformance doctor")
        return loaded

    def _run(
        self,
        adapters: Adapters,
        runners: Mapping[str, AnyRunner],
        cases: Mapping[str, list[Case]],
        header: Header,
        file: ResultsFile | None,
        found: Results | None,
        start: float,
    ) -> tuple[list[Record], list[Shared]]:
        """The results of what is left to run and of what is in the file already, in the order they came.

        Also what the failures among them have in common.
        """
        from conformance.results.shared.conditions import CaseConditions
        from conformance.results.shared.find import shared_by_unexpected

        records = list(found.records) if found else []
        done = {(record.adapter, record.case) for record in records}
        left = {label: [case for case in cases[label] if (label, case.id) not in done] for label in runners}
        if file is not None and found is None:
            file.begin(header)
        elif file is not None and found is not None and not found.complete:
            file.go_on(found)
        counts = {label: (len(waiting), len(cases[label])) for label, waiting in left.items()}
        adapters.prepare(left)
        with RunProgress(counts, shown=not self.settings.in_process) as progress:

            def report(result: Result) -> None:
                if interrupted() and not self.settings.in_process:  # a debugger has its own use for Ctrl-C
                    raise KeyboardInterrupt
                record = result.record()
                records.append(record)
                if file is not None:
                    file.add(record)
                progress.result_arrived(result.adapter, result.seconds, runners[result.adapter].import_seconds)

            try:
                adapters.run(left, begun=progress.started, report=report)
            except BaseException as error:
                if interrupted() or isinstance(error, KeyboardInterrupt):
                    go_on = "go on with the same command and --resume"
                    kept = f"; {file.place} has them: {go_on}" if file and records and self.resumable else ""
                    click.echo(f"\ninterrupted after {counted(len(records), 'result')}{kept}", err=True)
                raise
            seconds = round(time.monotonic() - start, 3)
            own = {label: [record for record in records if record.adapter == label] for label in runners}
            conditions = CaseConditions({case.id: case for given in cases.values() for case in given}.values())
            shared = [each for label in own for each in shared_by_unexpected(label, own[label], conditions)]
            if file is not None:
                imports = {label: round(runner.import_seconds, 3) for label, runner in runners.items()}
                file.footer = {"seconds": seconds, "import_seconds": imports, "shared": shared}
        return records, shared
