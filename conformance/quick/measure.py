"""Makes the table of catches, brings it up to date, and says whether it is.

A mistake is tried on the cheapest cases first. Where each of the suite's own interfaces that a case is for has enough
cases that show it surely, it is not tried on this one: the cover for an interface needs two.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters import registry
from conformance.case.model import Case
from conformance.golden import sampling
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.golden.work import end_with_parent
from conformance.lstm.mistakes import CATALOGUE, named
from conformance.quick import catches
from conformance.quick.catches import Catches, key
from conformance.quick.levels import SURELY, levels
from conformance.quick.listed import listed
from conformance.quick.seconds import UNKNOWN
from conformance.results.deviations import load_deviations

SEED = 5
COUNT = 1000
"""The sample: not one of those that the cases were made for, nor one that docs/design-of-cases.md measures them by."""
ENOUGH = 40
_AT_ONCE = 24
"""Cases that are given out before what is enough is counted again. Not more with more processes: the table is the same
on every machine."""


def tabled(cases: Sequence[Case]) -> list[Case]:
    """The cases that get a row: those whose vectors are shipped, for a quick run should not have to prove any.

    One that is made on demand gets a row if it alone is one to which some mistake of the catalogue applies.
    """
    found = [case for case in cases if not case.on_demand]
    alone = [mistake for mistake in CATALOGUE if not any(mistake.applies(case) for case in found)]
    return found + [case for case in cases if case.on_demand and any(mistake.applies(case) for mistake in alone)]


def up_to_date(
    old: Catches | None,
    cases: Sequence[Case],
    vectors: Path,
    deviations: Path,
    *,
    jobs: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Catches:
    """The table of these cases and all mistakes. What an old one has of the same cases and mistakes is kept.

    Args:
        cases: all that there are; see `tabled`.
        report: called with how many cases are done, of how many.

    Raises:
        VectorError: a case has no readable vector.
        GenerationError: one made on demand is not in the cache and cannot be made here.
    """
    counted = tabled(cases)
    usable = old is not None and old.seed == SEED
    sampled = old.sampled if old is not None and usable else _drawn()
    mistakes = [named(mistake) for mistake in (*(each.id for each in CATALOGUE), *sampled)]
    column = {mistake.id: n for n, mistake in enumerate(mistakes)}
    keys = {case.id: key(case.id, case.digest()) for case in counted}
    assert len(set(keys.values())) == len(keys), "two cases have one key: it needs more bytes"
    found = {case.id: dict(_kept(old, keys[case.id], column)) if old and usable else {} for case in counted}
    tried = set(old.mistakes) if old and usable else set()
    there = set(old.rows) if old and usable else set()
    accepted = _accepted(counted, deviations)
    shown = np.zeros((len(accepted), len(mistakes)), dtype=np.int64)
    for n, case in enumerate(counted):
        _count(found[case.id], shown, accepted[:, n], column)
    ordered = sorted(range(len(counted)), key=lambda n: (UNKNOWN.of(counted[n], 0), counted[n].id))
    workers = jobs or os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=workers, initializer=end_with_parent) as pool:
        try:
            for start in range(0, len(ordered), _AT_ONCE):
                running = {}
                for n in ordered[start : start + _AT_ONCE]:
                    case, wanted = counted[n], np.any(shown[accepted[:, n]] < ENOUGH, axis=0)
                    new = keys[case.id] not in there
                    ids = [
                        mistake.id
                        for k, mistake in enumerate(mistakes)
                        if wanted[k] and (new or mistake.id not in tried) and mistake.applies(case)
                    ]
                    if ids:
                        running[n] = pool.submit(_levels, vectors, case, ids)
                for n, future in running.items():
                    more = future.result()
                    found[counted[n].id] |= more
                    _count(more, shown, accepted[:, n], column)
                report(min(start + _AT_ONCE, len(ordered)), len(ordered))
        finally:
            pool.shutdown(cancel_futures=True)
    rows = {keys[case_id]: found[case_id] for case_id in sorted(found)}
    return catches.table(SEED, (each.id for each in CATALOGUE), sampled, rows)


def problems(
    cases: Sequence[Case],
    vectors: Path,
    every: int,
    *,
    jobs: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """What is wrong with the stored table, a line each: other cases or mistakes, or another level in every Nth case.

    Raises:
        ConformanceError: there is none, or it cannot be read.
    """
    path, table = vectors / catches.NAME, catches.read(vectors)
    counted = sorted(tabled(cases), key=lambda case: case.id)
    keys = {case.id: key(case.id, case.digest()) for case in counted}
    again = "bring it up to date with: conformance generate --catches"
    if set(keys.values()) != set(table.rows):
        return [f"{path}: of other cases; {again}"]
    if table.seed != SEED or table.catalogue != tuple(mistake.id for mistake in CATALOGUE):
        return [f"{path}: of other mistakes; {again}"]
    column = {mistake: n for n, mistake in enumerate(table.mistakes)}
    wanted = counted[::every]
    found = []
    with ProcessPoolExecutor(max_workers=jobs or os.cpu_count() or 1, initializer=end_with_parent) as pool:
        stored = [dict(_kept(table, keys[case.id], column)) for case in wanted]
        for n, (case, old, new) in enumerate(
            zip(wanted, stored, pool.map(functools.partial(_levels, vectors), wanted, stored), strict=True)
        ):
            wrong = [mistake for mistake, level in old.items() if new.get(mistake, 0) != level]
            if wrong:
                found.append(
                    f"{path}: {case.id} shows {wrong[0]} with level {new.get(wrong[0], 0)}, stored is {old[wrong[0]]}; "
                    f"remove the file, then {again}"
                )
            report(n + 1, len(wanted))
    return found


def _drawn() -> list[str]:
    return [drawn.mistake.id for drawn in sampling.take(COUNT, SEED).drawn]


def _kept(old: Catches, row: int, column: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """What an old table has of a case, for the mistakes that there still are."""
    (levels_,) = old.of([row])
    return ((m, int(level)) for m, level in zip(old.mistakes, levels_, strict=True) if level and m in column)


def _count(found: Mapping[str, int], shown: Any, accepted: Any, column: Mapping[str, int]) -> None:
    for mistake, level in found.items():
        if level >= SURELY:
            shown[accepted, column[mistake]] += 1


def _accepted(cases: Sequence[Case], deviations: Path) -> Any:
    """(interfaces, cases): which cases count for each of the suite's own adapters; those that are the same, once."""
    rows = []
    for name in filter(registry.is_built_in, registry.names()):
        refusal, known = registry.load(name).capabilities.refusal, load_deviations(deviations, name)
        rows.append([refusal(case) is None and not listed(case.id, known) for case in cases])
    return np.unique(np.array(rows, dtype=bool), axis=0)


@functools.cache
def _store(vectors: Path) -> VectorStore:
    return VectorStore(vectors)


def _levels(vectors: Path, case: Case, ids: Iterable[str]) -> dict[str, int]:
    """Takes ids, because mistakes cannot be pickled."""
    vector = cached(case) if case.on_demand else _store(vectors).load(case)
    return levels(case, vector, [named(mistake) for mistake in ids])
