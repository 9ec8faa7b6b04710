"""The adapters of a run on this machine; those on a cluster (conformance.cluster.adapters) look the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.case.model import Case
    from conformance.golden.store import VectorStore
    from conformance.quick.usual import UsualSeconds
    from conformance.results.deviations import Deviation
    from conformance.results.record import AdapterInfo
    from conformance.results.result import Result
    from conformance.run.process import Worker
    from conformance.run.settings import RunSettings


class AnyRunner(Protocol):
    """What is known of an adapter of a run, see conformance.run.runner.Runner."""

    info: AdapterInfo

    @property
    def import_seconds(self) -> float:
        """What its workers took to be ready, all of them together."""

    @property
    def versions(self) -> dict[str, str]:
        """Of the packages that compute; empty before the first start."""

    def begin(self) -> None:
        """Begin to have it loaded, without waiting for it."""

    def start(self) -> object:
        """Have it loaded; raises AdapterUnavailable where that fails."""

    def close(self) -> None:
        """End its worker, if there is one."""


class Adapters(Protocol):
    """The adapters of a run, wherever they are. runners: by label. loading: how many may load at a time."""

    loading: int

    @property
    def runners(self) -> Mapping[str, AnyRunner]:
        """By label."""

    def prepare(self, cases: Mapping[str, Sequence[Case]]) -> None:
        """Do what must be done before cases, by label, are run."""

    def run(
        self,
        cases: Mapping[str, Sequence[Case]],
        *,
        begun: Callable[[str], None],
        report: Callable[[Result], None],
    ) -> None:
        """Run each adapter's cases, by label; as conformance.run.parallel.run_in_parallel."""


class AdaptersHere:
    """Adapters in worker processes of this one, or in its places; leaving the context ends them.

    Args:
        known: label -> its known deviations.
        store: the golden vectors.
        profiles: whether failures get their profile along time.
        begun: the worker of the only adapter, if it has been started already.
        jobs: how many run at a time; None for one per core.
    """

    def __init__(
        self,
        known: Mapping[str, list[Deviation]],
        store: VectorStore,
        settings: RunSettings,
        *,
        profiles: bool,
        begun: Worker | None,
        jobs: int | None,
    ) -> None:
        from conformance.run.runner import Runner

        self._settings = settings
        self._store = store
        self._jobs = jobs
        self.loading = 1 if settings.in_process else jobs or os.cpu_count() or 1
        self.runners = {
            label: Runner(label, store, deviations, settings, profiles=profiles, begun=begun)
            for label, deviations in known.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for runner in self.runners.values():
            runner.close()

    def prepare(self, cases: Mapping[str, Sequence[Case]]) -> None:
        """Make the vectors that are not shipped, with all processors, before an adapter has to wait for them."""
        if self._settings.in_process:  # there, cases may be run to be looked at one by one
            return
        from conformance.golden import cache

        wanted = {case.id: case for label, own in cases.items() for case in own if self.runners[label].supports(case)}
        missing = cache.missing(wanted.values())
        if len(missing) < 2:
            return
        click.echo(
            f"proving {len(missing)} vectors that are too large to be shipped; they are kept for the next run", err=True
        )
        with options.progress() as progress:
            task = progress.add_task("vectors", total=len(missing))
            try:
                for _ in cache.make(missing, self._jobs):
                    progress.advance(task)
            except KeyboardInterrupt:
                click.echo("\ninterrupted; the vectors that were made are kept", err=True)
                raise

    def run(
        self,
        cases: Mapping[str, Sequence[Case]],
        *,
        begun: Callable[[str], None],
        report: Callable[[Result], None],
    ) -> None:
        """Run each adapter's cases, with as many workers at a time as there are jobs."""
        from conformance.adapters import registry
        from conformance.run.parallel import run_in_parallel

        def expected(label: str) -> list[float]:
            supports, name = self.runners[label].supports, registry.parse(label).name
            return [self._usual.of(name, case) if supports(case) else 0.0 for case in cases[label]]

        runners = {label: self.runners[label] for label in cases}
        run_in_parallel(runners, cases, self.loading, expected=expected, begun=begun, report=report)

    @cached_property
    def _usual(self) -> UsualSeconds:
        """What cases cost; read only if somebody wants to know, which takes longer than many a run."""
        from conformance.quick.usual import UsualSeconds

        return UsualSeconds(self._store)
