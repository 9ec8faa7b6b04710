"""Runs the cases of adapters on a cluster, some cases a piece; in a worker, the usual runner does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, as_completed
from typing import Final

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.model import Case
from conformance.cluster.identity import digest_of, portable
from conformance.cluster.keeping import KEPT, AdapterOfRun, end
from conformance.cluster.pool import ClusterPool
from conformance.results.deviations import Deviation
from conformance.results.record import AdapterInfo
from conformance.results.result import Result
from conformance.run.settings import RunSettings

Described = dict[str, AdapterInfo | str]
"""For each adapter who answers, or why it does not load."""
_MOST: Final = 64
_PIECES: Final = 16
"""Cases of a piece at most, and the pieces into which fewer cases than so many times that are divided."""


class RemoteRunner:
    """An adapter on a cluster, which looks like conformance.run.runner.Runner from outside.

    Attributes:
        info: who answers; empty before the first start.
        import_seconds: what its workers took to be ready, all of them together.
    """

    def __init__(self, adapter: AdapterOfRun, described: AdapterInfo | str) -> None:
        self.adapter = adapter
        self.info = AdapterInfo()
        self.import_seconds = 0.0
        self._described = described

    def begin(self) -> None:
        """Nothing: it has been seen already whether it loads."""

    def start(self) -> None:
        """See whether it loads there.

        Raises:
            AdapterUnavailable: it does not.
        """
        if isinstance(self._described, str):
            raise AdapterUnavailable(f"on every worker: {self._described}")
        self.info = self._described

    @property
    def versions(self) -> dict[str, str]:
        """Of the packages that compute; empty before the first start."""
        return self.info.versions

    def close(self) -> None:
        """Nothing: what it has at the workers ends with the run."""


class AdaptersOnCluster:
    """The adapters of a run on the workers of a pool; leaving the context ends them there.

    Raises:
        ConformanceError: a worker differs, or there is none.
    """

    def __init__(
        self,
        pool: ClusterPool,
        known: Mapping[str, Sequence[Deviation]],
        settings: RunSettings,
        *,
        profiles: bool,
    ) -> None:
        self.loading = 1
        self._pool = pool
        vectors = digest_of(portable(settings.vectors))
        self._adapters = [
            AdapterOfRun(pool.run, label, vectors, tuple(deviations), settings, profiles)
            for label, deviations in known.items()
        ]
        pool.inspect(described, self._adapters, difference=difference)
        try:
            found: Described = pool.begin()
        except BaseException:
            self.__exit__()
            raise
        self.runners = {adapter.label: RemoteRunner(adapter, found[adapter.label]) for adapter in self._adapters}

    def __enter__(self) -> AdaptersOnCluster:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._pool.everywhere(end, self._pool.run)

    def prepare(self, cases: Mapping[str, Sequence[Case]]) -> None:
        """Nothing: vectors that are not shipped are made by the workers that need them."""

    def run(
        self,
        cases: Mapping[str, Sequence[Case]],
        *,
        begun: Callable[[str], None],
        report: Callable[[Result], None],
    ) -> None:
        """Run each adapter's cases, one adapter after the other as far as all workers are busy.

        Args:
            cases: by label, in the order to run them.
            begun, report: as those of conformance.run.parallel.run_in_parallel.
        """
        pieces: dict[Future[tuple[list[Result], float]], str] = {}
        for label, own in cases.items():
            begun(label)
            size = min(_MOST, -(-len(own) // _PIECES)) or 1
            for start in range(0, len(own), size):
                part = list(own[start : start + size])
                runner = self.runners[label]
                pieces[self._pool.submit(answered, label, part[0].id, runner.adapter, runner.info, part)] = label
        for future in as_completed(pieces):
            results, seconds = future.result()
            self.runners[pieces[future]].import_seconds += seconds
            for result in results:
                report(result)


def demand_same(pool: ClusterPool, label: str, settings: RunSettings, info: AdapterInfo) -> None:
    """Have each worker looked at before it gets pieces: whether its adapter is the one that is here.

    Raises:
        ConformanceError: it is another one, or there is no worker.
    """
    adapter = AdapterOfRun(pool.run, label, digest_of(portable(settings.vectors)), (), settings, False)
    pool.inspect(described, [adapter], difference=difference)
    found: Described = pool.begin()
    if differs := difference({label: info}, found):
        raise ConformanceError(f"the workers of the cluster are not as this machine: {differs}")


def described(adapters: Sequence[AdapterOfRun]) -> Described:
    """Runs in a worker: for each adapter who answers there, or why it does not load."""
    found: Described = {}
    for adapter in adapters:
        try:
            with KEPT.runner(adapter) as runner:
                runner.start()
                found[adapter.label] = runner.info
        except AdapterUnavailable as error:
            found[adapter.label] = str(error)
    return found


def answered(
    label: str, first: str, adapter: AdapterOfRun, info: AdapterInfo, cases: Sequence[Case]
) -> tuple[list[Result], float]:
    """Runs in a worker: the result of each case, and what the adapter's workers took to be ready.

    Args:
        label, first: the adapter's and the first case's, which name the piece.
        info: of the adapter wherever else it runs.

    Raises:
        ConformanceError: this is another one.
    """
    with KEPT.runner(adapter) as runner:
        runner.start()
        if differs := difference({label: info}, {label: runner.info}):
            raise ConformanceError(f"not every worker is the same: {differs}")
        results: list[Result] = []
        for result in runner.results(cases):
            if KEPT.ended(adapter.run):
                break
            results.append(result)
        return results, KEPT.loading(runner)


def difference(one: Described, other: Described) -> str | None:
    """In what two answers of `described` differ; None if a run does not notice."""
    for label, here in one.items():
        there = other[label]
        if isinstance(here, AdapterInfo) and isinstance(there, AdapterInfo):
            if (found := here.difference(there)) is not None:
                name, usual, unusual = found
                return f"{name} of {label} are {unusual}, elsewhere {usual}"
        elif isinstance(there, str) != isinstance(here, str):
            return there if isinstance(there, str) else f"{label} loads, which it does not elsewhere: {here}"
    return None
