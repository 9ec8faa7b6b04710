"""A campaign: pieces of a seed side by side, until the cases or the minutes are over, and the findings in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.case.errors import ConformanceError
from conformance.case.outcomes import Failed
from conformance.files import replace_file
from conformance.fuzz.asking import Asker
from conformance.fuzz.findings import Finding, Reducer
from conformance.fuzz.known import Known
from conformance.fuzz.piece import SIZE, Failure, Findings, Kind, known_of, piece
from conformance.fuzz.writing import write
from conformance.golden.work import spread
from conformance.results.record import AdapterInfo
from conformance.run.settings import RunSettings

if TYPE_CHECKING:
    from conformance.cluster.pool import ClusterPool

_LIST = "findings.json"
_COUNTED = ("judged", "refused", "unjudgeable", "cleared", "known", "related", "unnamed")
"""What the parts of a campaign count as well."""


@dataclass(frozen=True)
class Wanted:
    """What a campaign is to do.

    start: the first case. cases: how many; None for as many as the seconds allow. deviations: whether known ones are
    left out.
    """

    label: str
    seed: int
    start: int
    cases: int | None
    seconds: float | None
    settings: RunSettings
    deviations: bool
    jobs: int
    output: Path


@dataclass
class Campaign:
    """What came of a campaign.

    next: the case to go on with. wrong: cases of the kinds that were found. unconfirmed: those of kinds that came to
    nothing when their first case was looked into, because it is known or cannot be judged. processor: seconds of
    processor time of the judging. again: kinds that the folder had before.
    """

    next: int
    judged: int = 0
    refused: int = 0
    unjudgeable: int = 0
    cleared: int = 0
    known: int = 0
    related: int = 0
    unnamed: int = 0
    wrong: int = 0
    unconfirmed: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    interrupted: bool = False
    info: AdapterInfo = field(default_factory=AdapterInfo)
    findings: list[tuple[Finding, Path]] = field(default_factory=list)
    again: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        names = (*_COUNTED, "wrong", "unconfirmed", "interrupted")
        return {name: getattr(self, name) for name in names} | {
            "next": self.next,
            "seconds": round(self.seconds, 1),
            "processor": round(self.processor, 1),
            "versions": self.info.versions,
            "findings": [
                {
                    "name": each.name,
                    "outcome": each.outcome.name,
                    "mistakes": [list(mistakes) for mistakes in each.mistakes],
                    "case": each.number,
                    "numbers": each.numbers,
                    "folder": str(path),
                }
                for each, path in self.findings
            ],
        }


def carried_out(
    wanted: Wanted,
    report: Callable[[Campaign], None],
    interrupted: Callable[[], bool],
    pool: ClusterPool | None = None,
) -> Campaign:
    """Carry out a campaign; what was found is written as soon as it is found.

    Args:
        report: called whenever something has come.
        interrupted: whether Ctrl-C was pressed, should the exception be lost.
        pool: computes the pieces, instead of processes of this one; what is wrong is reduced here.

    Raises:
        ConformanceError: the adapter cannot be made, or is another one in the pool, or a file cannot be written.
    """
    began = time.monotonic()
    until = None if wanted.seconds is None else time.time() + wanted.seconds
    campaign = Campaign(wanted.start)
    with Asker(wanted.label, wanted.settings) as asker:
        campaign.info = asker.info
        known = known_of(wanted.label, asker, wanted.settings) if wanted.deviations else Known(())
        collected = _Collected(wanted, campaign, Reducer(asker, known, wanted.seed), known)
        try:
            if pool is not None:
                from conformance.cluster.adapters import demand_same

                demand_same(pool, wanted.label, wanted.settings, asker.info)
            for found in _pieces(wanted, until, pool):
                collected.take(found)
                report(campaign)
                if interrupted():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            campaign.interrupted = True
    campaign.seconds = time.monotonic() - began
    return campaign


class _Collected:
    """Takes pieces in the order of their numbers, and makes findings of the first failure of each kind."""

    def __init__(self, wanted: Wanted, campaign: Campaign, reducer: Reducer, known: Known) -> None:
        self._wanted, self._campaign, self._reducer, self._known = wanted, campaign, reducer, known
        self._confirmed: dict[Kind, bool] = {}
        self._names = _listed(wanted.output)

    def take(self, found: Findings) -> None:
        """Count a piece, and look into its failures."""
        campaign = self._campaign
        campaign.next = found.next
        for name in (*_COUNTED, "processor"):
            setattr(campaign, name, getattr(campaign, name) + getattr(found, name))
        # What has a name is looked into first, for it may explain what has none.
        for failure in sorted(found.failures, key=lambda each: not each.mistakes):
            if failure.kind not in self._confirmed:
                self._confirmed[failure.kind] = self._look_into(failure)
        for kind, count in found.wrong.items():
            if self._is_confirmed(kind):
                campaign.wrong += count
            else:
                campaign.unconfirmed += count

    def _is_confirmed(self, kind: Kind) -> bool:
        """Whether a kind is wrong; mistakes that were first met one by one have no failure where they are together."""
        if kind in self._confirmed:
            return self._confirmed[kind]
        single = {
            mistake for outcome, *mistakes in filter(self._confirmed.get, self._confirmed) for mistake in mistakes
        }
        return single >= set(kind[1:])

    def _look_into(self, failure: Failure) -> bool:
        """Make a finding of a failure, unless there is one like it; returns whether it is wrong, and not known."""
        finding = self._reducer.finding(failure)
        if finding is None:
            return False
        if any(each.kind == finding.kind for each, _ in self._campaign.findings):
            return True
        self._confirmed[finding.kind] = True
        if finding.mistakes and finding.outcome.name == Failed.name:
            self._known.add(finding.mistakes[0])
        path = write(self._wanted.output, finding, self._wanted.label, self._campaign.info.versions)
        self._campaign.findings.append((finding, path))
        self._names[finding.name] = self._wanted.label
        replace_file(self._wanted.output / _LIST, json.dumps(self._names, indent=1) + "\n")
        return True


def _listed(folder: Path) -> dict[str, str]:
    """The names of the findings that a folder has, each with its adapter.

    Raises:
        ConformanceError: the folder has something else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            return {}
        found = json.loads((folder / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConformanceError(f"{folder}: holds something else than findings; name another folder") from error
    return dict(found)


def _pieces(wanted: Wanted, until: float | None, cluster: ClusterPool | None) -> Iterator[Findings]:
    """The pieces in the order of their numbers, `jobs` at a time, or as many as the cluster computes.

    Pieces begin at multiples of their size, whatever the first case is, so that the same cases are always in one piece.
    """
    end = None if wanted.cases is None else wanted.start + wanted.cases
    judged = _Judged(wanted, until if cluster is None else None)  # elsewhere it may be another time
    ranges = _ranges(wanted.start, end)
    if wanted.jobs == 1 and cluster is None:
        for start, stop in ranges:
            found = judged(start, stop)
            yield found
            if found.stopped:
                return
        return
    with spread(wanted.jobs, cluster) as pool:
        waiting: list[Future[Findings]] = []
        stopped = False
        try:
            while True:
                at_a_time = 2 * (wanted.jobs if cluster is None else cluster.slots)
                while not stopped and len(waiting) < at_a_time and (part := next(ranges, None)) is not None:
                    waiting.append(pool.submit(judged, *part))
                if not waiting:
                    return
                wait(waiting[:1], return_when=FIRST_COMPLETED)
                found = waiting.pop(0).result()
                stopped = stopped or found.stopped or (until is not None and time.time() >= until)
                yield found
        finally:
            if cluster is None:  # that one is its owner's to end
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Judged:
    """Judges a piece of a campaign, wherever it is sent."""

    wanted: Wanted
    until: float | None
    __name__ = "fuzz"

    def __call__(self, start: int, stop: int) -> Findings:
        wanted = self.wanted
        return piece(
            wanted.label,
            wanted.seed,
            start,
            stop,
            wanted.settings,
            deviations=wanted.deviations,
            until=self.until,
        )


def _ranges(start: int, end: int | None) -> Iterator[tuple[int, int]]:
    while end is None or start < end:
        stop = (start // SIZE + 1) * SIZE
        yield start, stop if end is None else min(stop, end)
        start = stop
