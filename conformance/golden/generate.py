"""Generates the vectors of all specs on every core, checks that the stored ones still match, or writes them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field

from conformance.case.errors import ConformanceError, GenerationError
from conformance.case.model import Case
from conformance.golden import lint
from conformance.golden.build import Built, build
from conformance.golden.metadata import file_of
from conformance.golden.store import VectorStore, demand_described
from conformance.golden.work import cost, spread

Report = Callable[[Case, "Built | None"], None]


@dataclass
class Summary:
    """The result of a generation or a check. `problems` has one line of text per problem; empty means success.

    made, same_bytes: how many vectors were made, and how many of these are as they are stored. digests: of how many
    others only the digests were compared.
    """

    made: int = 0
    same_bytes: int = 0
    digests: int = 0
    most_bits: int = 0
    reference_noise: float = 0.0
    problems: list[str] = field(default_factory=list)
    lint: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, case: Case, built: Built) -> None:
        """Count one vector, and add the problems with its numbers."""
        self.made += 1
        self.lint[case.id] = built.lint
        self.problems += lint.problems(case, built.lint)
        self.most_bits = max(self.most_bits, built.bits)
        self.reference_noise = max(self.reference_noise, built.reference_noise)


def generate(
    cases: Sequence[Case],
    store: VectorStore,
    *,
    prune: bool,
    jobs: int | None,
    report: Report,
    pool: Executor | None = None,
) -> Summary:
    """Generate and store the vectors of these cases. If interrupted, those already made are kept, with their lines.

    Args:
        prune: remove stored vectors that belong to none of `cases`.
        jobs: number of processes; None for one per core.
        report: called after each case, with None if it failed.
        pool: what to use instead of processes on this machine.

    Raises:
        FileError: the store cannot be written.
    """
    summary = Summary()
    store.demand_writable()  # before hours of work
    if prune:
        store.prune({case.id for case in cases if not case.on_demand})
    try:
        for case, built in _build_all([c for c in cases if not c.on_demand], jobs, summary, pool):
            if built is not None:
                summary.add(case, built)
                store.save(case, file_of(case, built.vector), built.bits)
            report(case, built)
    finally:
        store.write_manifest()
    if prune:
        summary.problems += lint.stale(cases, summary.lint)
    return summary


def repack(cases: Sequence[Case], store: VectorStore) -> Summary:
    """Write the files of stored vectors again with what they say of their cases now. No number changes, none is proven.

    Raises:
        FileError: the store cannot be written.
    """
    summary = Summary()
    store.demand_writable()
    try:
        for case in (case for case in cases if not case.on_demand):
            try:
                data, vector = store.read(case)
                new = file_of(case, vector)
            except ConformanceError as error:
                summary.problems.append(f"{case.id}: {error}")
                continue
            summary.made += 1
            summary.same_bytes += new == data
            if new != data:
                store.save(case, new, store.entries[case.id].bits)
    finally:
        store.write_manifest()
    return summary


def check(
    cases: Sequence[Case],
    store: VectorStore,
    *,
    whole: bool,
    every: int = 1,
    jobs: int | None,
    report: Report,
    pool: Executor | None = None,
) -> Summary:
    """Generate vectors again and compare them to the stored bytes (kappa may differ by one step). Writes nothing.

    What the files say of their cases is compared in all of them.

    Args:
        whole: `cases` are all cases, so a stored vector that belongs to none of them is a problem.
        every: 1 for every vector, N for every Nth in the order of the cases; of the others, the spec and the bytes are
            compared to their digests in the manifest.
        pool: what to use instead of processes on this machine.
    """
    summary = Summary()
    shipped = [case for case in cases if not case.on_demand]
    made = shipped[::every]
    if whole:
        for case_id in store.stale({case.id for case in shipped}):
            summary.problems.append(f"{case_id}: stored, but no spec asks for it")
    for case in (case for n, case in enumerate(shipped) if n % every):
        _check_digests(case, store, summary)
        report(case, None)
    for case, built in _build_all(made, jobs, summary, pool):
        if built is not None:
            summary.add(case, built)
            problem = _difference_from_stored(case, built, store)
            if problem is None:
                summary.same_bytes += 1
            else:
                summary.problems.append(f"{case.id}: {problem}")
        report(case, built)
    if whole:
        summary.problems += lint.stale(shipped, summary.lint)
    return summary


def _check_digests(case: Case, store: VectorStore, summary: Summary) -> None:
    """Add to the summary whether the stored vector is the one of the manifest and of the spec, and lint's findings."""
    try:
        data, vector = store.read(case)
        demand_described(case, data, store.root / store.entries[case.id].file, store.root, judgement=True)
    except ConformanceError as error:
        summary.problems.append(f"{case.id}: {error}")
        return
    summary.digests += 1
    summary.lint[case.id] = lint.findings(case, vector.arrays)
    summary.problems += lint.problems(case, summary.lint[case.id])


def _difference_from_stored(case: Case, built: Built, store: VectorStore) -> str | None:
    try:
        data, stored = store.read(case)
        demand_described(case, data, store.root / store.entries[case.id].file, store.root, judgement=True)
    except ConformanceError as error:
        return str(error)
    bits = store.entries[case.id].bits
    if bits != built.bits:
        return f"the manifest says {bits} bits, but the proof took {built.bits}"
    return built.vector.difference(stored)


def _build_all(
    cases: Sequence[Case], jobs: int | None, summary: Summary, pool: Executor | None
) -> Iterable[tuple[Case, Built | None]]:
    """Every case with its vector as it is completed, the largest started first; None and a problem if it failed."""
    ordered = sorted(cases, key=cost, reverse=True)
    with spread(jobs, pool) as workers:
        futures: dict[Future[Built], Case] = {workers.submit(build, case): case for case in ordered}
        for future in as_completed(futures):
            case = futures[future]
            try:
                yield case, future.result()
            except GenerationError as error:
                summary.problems.append(str(error))
                yield case, None
