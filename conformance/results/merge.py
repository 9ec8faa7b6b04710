"""Combines results of several runs: resumes an interrupted run, and merges the files of shards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.shards import parsed
from conformance.case.text import counted
from conformance.results.reading import Results, demand_complete
from conformance.results.record import Header, Record, in_words, selection_digest


def demand_same_run(found: Results, header: Header, cases: Mapping[str, Collection[str]]) -> None:
    """Refuse to resume from the results of a different run.

    Args:
        header: that of the run to continue.
        cases: the ids of the cases that each of its adapters has to answer, by label.

    Raises:
        ConformanceError: the cases, the vectors, the suite or the versions of adapters are different.
    """
    path = found.path
    if differs := _difference(found.header, header, "suite", "vectors", "selection", "shard", "quick"):
        raise ConformanceError(f"{path}: cannot be resumed: it {differs}")
    for label in found.header.adapters.keys() ^ header.adapters.keys():
        raise ConformanceError(f"{path}: cannot be resumed: the adapter {label} is only in one of the two runs")
    for label, info in found.header.adapters.items():
        if (difference := info.difference(header.adapters[label])) is not None:
            name, before, now = difference
            raise ConformanceError(f"{path}: cannot be resumed: {name} of {label} were {before}, now they are {now}")
    for record in found.records:
        if record.case not in cases[record.adapter]:
            raise ConformanceError(
                f"{path}: cannot be resumed: it has {record.case}, which is not one of the run's cases"
            )


def merged(several: Sequence[Results]) -> tuple[Header, list[Record]]:
    """The results of several files as one run's: shards of the same run, or runs of different adapters.

    Raises:
        ConformanceError: a file is of an interrupted run; the files differ in suite, vectors or selection of cases, or
        in the version of an adapter; a case has two different outcomes; a shard is missing, or is given together with
        the whole or with a shard of another division.
    """
    first = demand_complete(several[0])
    adapters, quick = dict(first.header.adapters), dict(first.header.quick)
    records: dict[tuple[str, str], tuple[Record, Path]] = {}
    for results in several:
        demand_complete(results)
        if differs := _difference(results.header, first.header, "suite", "vectors", "selection", "cases"):
            raise ConformanceError(f"cannot be merged with {first.path}: {results.path} {differs}")
        if bool(results.header.quick) != bool(first.header.quick):
            quick_run, whole = sorted((first, results), key=lambda each: not each.header.quick)
            raise ConformanceError(f"cannot be merged: {quick_run.path} is of a quick run, {whole.path} is not")
        for label, asked in results.header.quick.items():
            if quick.setdefault(label, asked) != asked:
                raise ConformanceError(f"cannot be merged: {results.path} is of other quick cases of {label}")
        for label, info in results.header.adapters.items():
            before = adapters.setdefault(label, info)
            if (before.versions, before.device) != (info.versions, info.device):
                raise ConformanceError(
                    f"cannot be merged: {label} is {in_words(before.versions)} on {before.device} in one file, "
                    f"{in_words(info.versions)} on {info.device} in {results.path}"
                )
        for record in results.records:
            there, path = records.setdefault((record.adapter, record.case), (record, results.path))
            if (there.outcome, there.noise) != (record.outcome, record.noise):
                raise ConformanceError(
                    f"cannot be merged: {record.case} with {record.adapter} has two outcomes, {there.outcome} in "
                    f"{path}, {record.outcome} in {results.path}"
                )
    for label in adapters:
        _demand_one_division(label, [results for results in several if label in results.header.adapters])
        there_are = sum(adapter == label for adapter, _ in records)
        asked = quick.get(label) or first.header.asked(label)
        if there_are != asked.cases:
            shards = {results.header.shard or "none" for results in several if label in results.header.adapters}
            raise ConformanceError(
                f"cannot be merged: {label} has {there_are} of {counted(asked.cases, 'case')}; "
                f"shards given: {', '.join(sorted(shards))}"
            )
        if selection_digest(case for adapter, case in records if adapter == label) != asked.selection:
            raise ConformanceError(f"cannot be merged: {label} has other cases than those in the headers")
    header = first.header.model_copy(update={"adapters": adapters, "quick": quick, "shard": None})
    return header, [record for record, _ in records.values()]


def _difference(one: Header, other: Header, *names: str) -> str | None:
    """What the first of these fields that differs means for the file of the header `one`; None if none differs."""
    for name in names:
        here, there = getattr(one, name), getattr(other, name)
        if here != there:
            return {
                "suite": f"was written by version {here} of the suite, not {there}",
                "vectors": "was judged by other golden values",
                "selection": "is of other cases",
                "cases": f"is of {here} of the cases, not {there}",
                "shard": f"has {_part(here)}, not {_part(there)}",
                "quick": "is of other quick cases" if here and there else f"is {'' if here else 'not '}a quick run",
            }[name]
    return None


def _part(shard: str | None) -> str:
    return f"shard {shard} of the cases" if shard else "all cases"


def _demand_one_division(label: str, several: Sequence[Results]) -> None:
    """Refuse files of an adapter that are not parts of the same division into shards."""
    kinds = {results.header.shard and parsed(results.header.shard)[1]: results for results in several}
    if len(kinds) > 1:
        (n, one), (m, other) = list(kinds.items())[:2]
        shown = [
            f"{results.path} has {f'one of {parts} shards' if parts else 'all of them'}"
            for parts, results in ((n, one), (m, other))
        ]
        raise ConformanceError(
            f"cannot be merged: of the cases of {label}, {shown[0]}, {shown[1]}; give one or the other"
        )
