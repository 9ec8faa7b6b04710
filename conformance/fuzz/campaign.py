"""A campaign: pieces of a seed side by side, until the cases or the minutes are over, and the findings in them."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.case.errors import ConformanceError
from conformance.case.outcomes import Failed
from conformance.files import replace_file
from conformance.fuzz.asking import Asker
from conformance.fuzz.findings import Finding, Reducer
from conformance.fuzz.known import Known
from conformance.fuzz.piece import SIZE, Failure, Findings, Kind, known_of, piece
from conformance.fuzz.writing import write
from conformance.golden.work import end_with_parent
from conformance.results.record import AdapterInfo
from conformance.run.settings import RunSettings

_LIST = "findings.json"


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
    """What came of a campaign. next: the case to go on with. again: kinds that the folder had before."""

    next: int
    judged: int = 0
    refused: int = 0
    unjudgeable: int = 0
    cleared: int = 0
    known: int = 0
    related: int = 0
    unnamed: int = 0
    wrong: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    info: AdapterInfo = field(default_factory=AdapterInfo)
    findings: list[tuple[Finding, Path]] = field(default_factory=list)
    again: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        names = ("judged", "refused", "unjudgeable", "cleared", "known", "related", "unnamed", "wrong", "interrupted")
        return {name: getattr(self, name) for name in names} | {
            "next": self.next,
            "seconds": round(self.seconds, 1),
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


def carried_out(wanted: Wanted, report: Callable[[Campaign], None], interrupted: Callable[[], bool]) -> Campaign:
    """Carry out a campaign; what was found is written as soon as it is found.

    Args:
        report: called whenever something has come.
        interrupted: whether Ctrl-C was pressed, should the exception be lost.

    Raises:
        ConformanceError: the adapter cannot be made, or a file cannot be written.
    """
    began = time.monotonic()
    until = None if wanted.seconds is None else time.time() + wanted.seconds
    campaign = Campaign(wanted.start)
    with Asker(wanted.label, wanted.settings) as asker:
        campaign.info = asker.info
        known = known_of(wanted.label, asker, wanted.settings) if wanted.deviations else Known(())
        collected = _Collected(wanted, campaign, Reducer(asker, known, wanted.seed), known)
        try:
            for found in _pieces(wanted, until):
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
        self._seen: set[Kind] = set()
        self._names = _listed(wanted.output)

    def take(self, found: Findings) -> None:
        """Count a piece, and look into its failures."""
        campaign = self._campaign
        campaign.next = found.next
        for name in ("judged", "refused", "unjudgeable", "cleared", "known", "related", "unnamed"):
            setattr(campaign, name, getattr(campaign, name) + getattr(found, name))
        campaign.wrong += sum(found.wrong.values())
        for failure in found.failures:
            if failure.kind not in self._seen:
                self._seen.add(failure.kind)
                self._look_into(failure)

    def _look_into(self, failure: Failure) -> None:
        finding = self._reducer.finding(failure)
        if finding is None or any(each.kind == finding.kind for each, _ in self._campaign.findings):
            return
        self._seen.add(finding.kind)
        if finding.mistakes and finding.outcome.name == Failed.name:
            self._known.add(finding.mistakes[0])
        path = write(self._wanted.output, finding, self._wanted.label, self._campaign.info.versions)
        self._campaign.findings.append((finding, path))
        self._names[finding.name] = self._wanted.label
        replace_file(self._wanted.output / _LIST, json.dumps(self._names, indent=1) + "\n")


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


def _pieces(wanted: Wanted, until: float | None) -> Iterator[Findings]:
    """The pieces in the order of their numbers, `jobs` at a time.

    Pieces begin at multiples of their size, whatever the first case is, so that the same cases are always in one piece.
    """
    end = None if wanted.cases is None else wanted.start + wanted.cases
    judged = functools.partial(
        piece, wanted.label, wanted.seed, settings=wanted.settings, deviations=wanted.deviations, until=until
    )
    ranges = _ranges(wanted.start, end)
    if wanted.jobs == 1:
        for start, stop in ranges:
            found = judged(start, stop)
            yield found
            if found.stopped:
                return
        return
    with ProcessPoolExecutor(wanted.jobs, initializer=end_with_parent) as pool:
        waiting: list[Future[Findings]] = []
        stopped = False
        try:
            while True:
                while not stopped and len(waiting) < 2 * wanted.jobs and (part := next(ranges, None)) is not None:
                    waiting.append(pool.submit(judged, *part))
                if not waiting:
                    return
                wait(waiting[:1], return_when=FIRST_COMPLETED)
                found = waiting.pop(0).result()
                stopped = stopped or found.stopped
                yield found
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ranges(start: int, end: int | None) -> Iterator[tuple[int, int]]:
    while end is None or start < end:
        stop = (start // SIZE + 1) * SIZE
        yield start, stop if end is None else min(stop, end)
        start = stop
