"""A campaign: the pieces of a seed until the cases or the minutes are over, and the findings in them."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.outcomes import Failed
from conformance.files import replace_file
from conformance.fuzz.asking import Asker
from conformance.fuzz.findings import Finding, Reducer
from conformance.fuzz.found import Failure, Findings, Kind
from conformance.fuzz.known import Known
from conformance.fuzz.piece import known_of
from conformance.fuzz.pieces import Pieces, Wanted
from conformance.fuzz.rough import single_thread
from conformance.fuzz.writing import write
from conformance.results.record import AdapterInfo

if TYPE_CHECKING:
    from conformance.cluster.pool import ClusterPool

_LIST = "findings.json"
_COUNTED = ("judged", "refused", "unjudgeable", "cleared", "known", "related", "unnamed")
"""What the parts of a campaign count as well."""


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
        if pool is not None:
            from conformance.cluster.adapters import demand_same

            demand_same(pool, wanted.label, wanted.settings, asker.info)
        # Wrong answers may be any numbers.
        with contextlib.closing(Pieces(wanted, until, pool)) as pieces, single_thread(), np.errstate(all="ignore"):
            _take_all(pieces, collected, lambda: report(campaign), interrupted)
    campaign.seconds = time.monotonic() - began
    return campaign


def _take_all(
    pieces: Pieces, collected: _Collected, report: Callable[[], None], interrupted: Callable[[], bool]
) -> None:
    """Take all pieces; after Ctrl-C what they have until then, quickly, and after another nothing more."""
    campaign = collected.campaign
    while True:
        try:
            for found in pieces:
                collected.take(found)
                report()
                if interrupted() and not campaign.interrupted:
                    raise KeyboardInterrupt
            collected.look_into_all()
        except KeyboardInterrupt:
            if campaign.interrupted:
                return
            campaign.interrupted = True
            pieces.stop()
            collected.hurry()
            continue
        campaign.interrupted = campaign.interrupted or pieces.interrupted
        return


class _Collected:
    """Takes pieces in the order of their numbers, and makes findings of the first failure of each kind."""

    def __init__(self, wanted: Wanted, campaign: Campaign, reducer: Reducer, known: Known) -> None:
        self.campaign = campaign
        self._wanted, self._reducer, self._known = wanted, reducer, known
        self._confirmed: dict[Kind, bool] = {}
        self._waiting: deque[Findings] = deque()
        self._stopped = False
        self._names = _listed(wanted.output)

    def take(self, found: Findings) -> None:
        """Count a piece, and look into its failures."""
        campaign = self.campaign
        if not self._stopped:  # what is beyond a piece that stopped is asked again
            campaign.next = found.next
        self._stopped = self._stopped or found.stopped
        for name in (*_COUNTED, "processor"):
            setattr(campaign, name, getattr(campaign, name) + getattr(found, name))
        self._waiting.append(found)
        self.look_into_all()

    def look_into_all(self) -> None:
        """Look into what has been taken; goes on where it was interrupted."""
        while self._waiting:
            found = self._waiting[0]
            # What has a name is looked into first, for it may explain what has none.
            for failure in sorted(found.failures, key=lambda each: not each.mistakes):
                if failure.kind not in self._confirmed:
                    self._confirmed[failure.kind] = self._look_into(failure)
            for kind, count in found.wrong.items():
                if self._is_confirmed(kind):
                    self.campaign.wrong += count
                else:
                    self.campaign.unconfirmed += count
            self._waiting.popleft()

    def hurry(self) -> None:
        """Reduce what is still to come less; after an interruption, for which somebody waits."""
        self._reducer.hurry()

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
        if any(each.kind == finding.kind for each, _ in self.campaign.findings):
            return True
        self._confirmed[finding.kind] = True
        if finding.mistakes and finding.outcome.name == Failed.name:
            self._known.add(finding.mistakes[0])
        path = write(self._wanted.output, finding, self._wanted.label, self.campaign.info.versions)
        self.campaign.findings.append((finding, path))
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
