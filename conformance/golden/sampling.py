"""Mistakes drawn at random: how many of them the vectors catch, and which they let pass.

Unlike the catalogue, to which vectors can be tuned, a sample says what becomes of the next mistake, which nobody has
listed. A drawn mistake is first tried on cases made to show it. If no such case shows it, no vector could, and it is
not counted; what it does there may also be too small to be told from rounding. A case that shows it is at the same time
the case to add if the vectors let it pass.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import ml_dtypes
import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import CHECKED, Case
from conformance.case.tensors import Arrays, Outputs
from conformance.data import default_folders
from conformance.golden.cache import cached
from conformance.golden.inputs import make_arrays
from conformance.golden.power import effects
from conformance.golden.store import VectorStore
from conformance.golden.work import cost, spread
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes.grammar import Sampled, draw, sampled
from conformance.verdict.noise import error, times

SHOWS = 64.0
"""A probe shows a mistake if some output is wrong by this many unit roundoffs of its largest element: with the default
tolerance of at most 11 noise units, whose unit is at least that, an implementation that makes it fails."""
_AT_ONCE = 40
"""Mistakes that a process is given at a time."""
_DRAWS = 100
"""At most so many draws per mistake that is wanted: an interface with one option refuses nearly all of them."""


@dataclass(frozen=True)
class Drawn:
    """A mistake and a case that shows it."""

    mistake: Sampled
    probe: Case


@dataclass
class Sample:
    """Drawn mistakes and what became of them.

    caught: id -> the case that catches it, one of those that do. hidden: mistakes that no probe shows at all. small:
    those whose effect is smaller than `SHOWS` on all of them.
    """

    seed: int
    drawn: list[Drawn] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    caught: dict[str, str] = field(default_factory=dict)

    @property
    def survivors(self) -> list[Drawn]:
        """Those that no case catches."""
        return [drawn for drawn in self.drawn if drawn.mistake.id not in self.caught]

    @property
    def share(self) -> float:
        """The share of mistakes that are caught, of those that a case can show."""
        return len(self.caught) / len(self.drawn) if self.drawn else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval for the share, at 95 %."""
        n, z = len(self.drawn), 1.959964
        if not n:
            return 0.0, 1.0
        centre = self.share + z * z / (2 * n)
        half = z * math.sqrt(self.share * (1 - self.share) / n + (z / (2 * n)) ** 2)
        whole = 1 + z * z / n
        return max((centre - half) / whole, 0.0), min((centre + half) / whole, 1.0)

    @property
    def by_site(self) -> dict[str, tuple[int, int]]:
        """Site -> how many are caught, of how many."""
        all_of = Counter(drawn.mistake.site.word for drawn in self.drawn)
        passed = Counter(drawn.mistake.site.word for drawn in self.survivors)
        return {site: (count - passed[site], count) for site, count in sorted(all_of.items())}


def take(
    count: int,
    seed: int,
    accepts: Callable[[Case], bool] = lambda case: True,
    *,
    report: Callable[[int], None] = lambda count: None,
) -> Sample:
    """Draws mistakes until `count` of them can be shown by a case that an interface accepts.

    The same arguments give the same sample; `report` is called with the number of mistakes so far.
    """
    sample, random, seen = Sample(seed), Random(seed), set[str]()
    for tries, mistake in enumerate(draw(random)):
        if len(sample.drawn) == count or tries == _DRAWS * count:
            return sample
        if mistake.id in seen:
            continue
        seen.add(mistake.id)
        probe, most = shown_by(mistake, accepts)
        if probe is not None:
            sample.drawn.append(Drawn(mistake, probe))
            report(len(sample.drawn))
        elif most is not None:
            (sample.small if most else sample.hidden).append(mistake.id)
    raise AssertionError("draws have no end")


def shown_by(mistake: Sampled, accepts: Callable[[Case], bool]) -> tuple[Case | None, float | None]:
    """The first case of those made for a mistake that shows it, and its largest effect on any, in `SHOWS`' measure.

    The effect is None if no case that has what the mistake needs is accepted.
    """
    most: float | None = None
    for case in mistake.probes():
        if not accepts(case):
            continue
        effect = _effect(mistake, case)
        most = effect if most is None else max(most, effect)
        if effect >= SHOWS:
            return case, effect
    return None, most


def _effect(mistake: Sampled, case: Case) -> float:
    arrays, right = _right(case.model_dump_json())
    wrong = mistake.mistake.outputs(case, arrays)
    unit, found = UNIT_ROUNDOFF[case.dtype], 0.0
    least = float(ml_dtypes.finfo(case.np_dtype).smallest_subnormal) / 2
    for name, want in right.items():
        largest = np.max(np.abs(want[np.isfinite(want)]), initial=0.0)
        if 0 < unit * largest < least:
            continue  # the dtype's own rounding near 0 is as large: generation refuses such an output
        worst = np.max(error(wrong[name], want), initial=0.0)
        found = max(found, float(times(np.asarray(worst), np.asarray(unit * largest))))
    return found


@functools.lru_cache(maxsize=64)
def _right(case: str) -> tuple[Arrays, Outputs]:
    """The arrays of a case, given as JSON, and its right answer, in float64."""
    read = Case.model_validate_json(case, context=CHECKED)
    arrays = make_arrays(read).in_dtype(np.float64)
    with np.errstate(all="ignore"):
        return arrays, reference_of(read).run(arrays)


def measure(
    sample: Sample,
    cases: Sequence[Case],
    root: Path,
    *,
    jobs: int | None = None,
    report: Callable[[int], None] = lambda count: None,
    pool: Executor | None = None,
) -> None:
    """Finds for each drawn mistake a case that catches it; `report` is called with the number of mistakes just done.

    Args:
        cases: those to try, whose vectors are below `root`, or in the cache if they are made on demand.
        pool: what to use instead of `jobs` processes on this machine.

    Raises:
        VectorError: a case has no readable vector.
        GenerationError: one made on demand is not in the cache and cannot be made here.
    """
    ordered = sorted(cases, key=lambda case: (case.on_demand, cost(case)))
    ids = [drawn.mistake.id for drawn in sample.drawn]
    parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    own = root.resolve() == default_folders().vectors
    with spread(jobs, pool) as workers:
        running = {workers.submit(_caught, part, ordered, None if own else root.resolve()): part for part in parts}
        for future in as_completed(running):
            sample.caught |= future.result()
            report(len(running[future]))


def _caught(ids: Sequence[str], cases: Sequence[Case], root: Path | None) -> dict[str, str]:
    """The first of the cases that catches each of these mistakes. Takes ids, because classes cannot be pickled.

    root: of the vectors; None for the suite's own, wherever they are.
    """
    store = VectorStore(root or default_folders().vectors)
    left = {mistake_id: sampled(mistake_id) for mistake_id in ids}
    found: dict[str, str] = {}
    for case in cases:
        applying = [mistake.mistake for mistake in left.values() if mistake.applies(case)]
        if not applying:
            continue
        vector = cached(case) if case.on_demand else store.load(case)
        for mistake_id, effect in effects(case, vector.arrays, vector.golden, vector.kappa, applying).items():
            if effect.caught:
                found[mistake_id] = case.id
                del left[mistake_id]
        if not left:
            break
    return found
