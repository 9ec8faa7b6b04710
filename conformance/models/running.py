"""Runs the cases of a check: each implementation in a worker of its own, as many at a time as there are processors.

`conformance run` loads every adapter first, to know what it is a run of. A check has few cases and writes no results
file, so each adapter is loaded once, and one whose capabilities refuse every case is not loaded at all.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from conformance.adapters import registry
from conformance.adapters.base import Adapter
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.outcomes import Unsupported
from conformance.golden.store import VectorStore
from conformance.results.record import AdapterInfo, Record
from conformance.results.result import Result
from conformance.run.parallel import side_by_side
from conformance.run.process import Worker
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings


@dataclass(frozen=True)
class Asked:
    """One implementation. label: what it is made by. adapter: whose it is. own_node: it runs the node of the file."""

    label: str
    adapter: str
    own_node: bool
    cases: list[Case]


@dataclass(frozen=True)
class Told:
    """What one implementation answered: a record for each of its cases. absent: why it cannot be made.

    seconds: that it took, loading included.
    """

    asked: Asked
    records: list[Record] = field(default_factory=list)
    info: AdapterInfo = field(default_factory=AdapterInfo)
    absent: str = ""
    seconds: float = 0.0


def run(
    asked: Sequence[Asked],
    store: VectorStore,
    settings: RunSettings,
    report: Callable[[Told], None],
    begun: Worker | None = None,
    *,
    profiles: bool = False,
) -> list[Told]:
    """What each implementation answers, in the order they were asked.

    Args:
        report: called in this thread as each is done.
        begun: a worker that was started for one of them and need not be ready yet.
        profiles: whether failures get their profile along time (conformance.run.runner).
    """
    found: dict[str, Told] = {}
    runners: dict[str, Runner] = {}
    with contextlib.ExitStack() as stack:
        for each in asked:
            first = begun if begun is not None and begun.label == each.label else None
            # The known deviations name cases of the suite's own, which may have the names of these.
            runners[each.label] = Runner(each.label, store, [], settings, profiles=profiles, begun=first)
            stack.callback(runners[each.label].close)

        def one(each: Asked) -> Told:
            if (refused := _refused(each)) is not None:
                return refused
            runner, start = runners[each.label], time.monotonic()
            try:
                runner.start()
            except AdapterUnavailable as error:
                return Told(each, absent=str(error))
            records = [result.record() for result in runner.results(each.cases)]
            runner.close()
            return Told(each, records, runner.info, seconds=time.monotonic() - start)

        def came(told: Told) -> None:
            found[told.asked.label] = told
            report(told)

        def stop() -> None:
            for runner in runners.values():
                runner.close()

        jobs = min(os.cpu_count() or 1, len(asked)) or 1
        side_by_side(one, asked, jobs, came=came, stop=stop)
    return [found[each.label] for each in asked]


def _refused(asked: Asked) -> Told | None:
    """The answer of an adapter of the suite's own that takes none of the cases, without loading its framework."""
    if (reasons := refusals(asked.adapter, asked.cases)) is None or not all(reasons):
        return None
    name = registry.parse(asked.adapter).name
    outcomes = [Unsupported(f"{name} {reason}") for reason in reasons]
    results = [Result(case, asked.label, outcome) for case, outcome in zip(asked.cases, outcomes, strict=True)]
    return Told(asked, [result.record() for result in results])


def refusals(adapter: str, cases: Sequence[Case]) -> list[str | None] | None:
    """Why the capabilities of one of the suite's own adapters refuse each case; None if only the adapter can tell."""
    label = registry.parse(adapter)
    if label.place or not label.installed or not registry.is_built_in(label.name):
        return None
    try:
        kind = registry.load(label.name)
    except AdapterUnavailable:
        return None
    if kind.run is not Adapter.run:
        return None
    return [kind.capabilities.refusal(case) for case in cases]
