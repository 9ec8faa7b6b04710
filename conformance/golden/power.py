"""What the vectors can tell apart: every mistake of the catalogue, on every case, held against the golden values.

A mistake's separation on a case is its worst error as a multiple of what the case allows; the case catches it above 1.
No framework runs: mistakes are computed in float64 on the arrays of the vector, under the default contracts.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.golden.cache import cached
from conformance.golden.generate import cost, end_with_parent
from conformance.golden.store import VectorStore
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.verdict.noise import allowed, error, noise, times, within_range

LEAST_SEPARATION = 8.0
"""What the shipped vectors owe to every mistake: a case whose tolerance it exceeds so many times."""
_CASES_ENOUGH = 3
"""A mistake separated by so many cases need not be tried on costlier ones to know that it is."""


@dataclass(frozen=True)
class Effect:
    """What a mistake does to one case: its noise, and its error over what is allowed; infinite for NaN."""

    case_id: str
    dtype: str
    noise: float
    separation: float

    @property
    def caught(self) -> bool:
        """Whether an implementation that makes the mistake fails the case."""
        return self.separation > 1.0


@dataclass
class Power:
    """A mistake with its effect on every case to which it applies."""

    mistake: Mistake
    effects: list[Effect] = field(default_factory=list)

    @property
    def counted(self) -> list[Effect]:
        """The effects that separation is counted by.

        Those in float32 where the mistake shows at all there, for that is what every framework computes and a float64
        case would flatter it; else all. It shows where it is more than the noise of one rounding.
        """
        in_float32 = [effect for effect in self.effects if effect.dtype == "float32"]
        return in_float32 if any(effect.noise > 1.0 for effect in in_float32) else self.effects

    @property
    def best(self) -> Effect | None:
        """The case that separates it most: by a number, unless only a NaN or a wrong shape separates it enough."""
        ranked = sorted(self.counted, key=lambda effect: effect.separation)
        numbered = [effect for effect in ranked if LEAST_SEPARATION <= effect.separation < math.inf]
        return next(reversed(numbered or ranked), None)

    @property
    def separation(self) -> float:
        """That of the best case; 0 where no case has what the mistake takes."""
        return self.best.separation if self.best is not None else 0.0

    @property
    def caught(self) -> list[Effect]:
        """The effects on the cases that catch it, of whatever dtype."""
        return [effect for effect in self.effects if effect.caught]

    @property
    def least(self) -> float:
        """The least noise over all cases to which it applies."""
        return min((effect.noise for effect in self.effects), default=0.0)

    @property
    def greatest(self) -> float:
        """The greatest noise."""
        return max((effect.noise for effect in self.effects), default=0.0)


def measure(
    cases: Sequence[Case],
    root: Path,
    mistakes: Sequence[Mistake] = CATALOGUE,
    *,
    jobs: int | None = None,
    report: Callable[[], None] = lambda: None,
) -> list[Power]:
    """Every mistake on every case with its vector below `root`; `report` is called after each case.

    A case made on demand is made only for mistakes that no shipped case has what it takes to make.

    Raises:
        VectorError: a case has no vector that can be read.
        GenerationError: a vector made on demand is not there and cannot be made here.
    """
    powers = {mistake.id: Power(mistake) for mistake in mistakes}
    for found in _measured(cases, root, jobs, powers, lambda: powers):
        for mistake_id, effect in found.items():
            powers[mistake_id].effects.append(effect)
        report()
    order = {case.id: n for n, case in enumerate(cases)}
    for power in powers.values():
        power.effects.sort(key=lambda effect: order[effect.case_id])
    return list(powers.values())


def too_weak(
    cases: Sequence[Case], root: Path, *, jobs: int | None = None, report: Callable[[], None] = lambda: None
) -> list[str]:
    """A line for each mistake that no case separates by as much as `LEAST_SEPARATION`.

    The cheap cases go first, and a mistake that enough of them separate is not tried on the others. Raises as above.
    """
    powers = {mistake.id: Power(mistake) for mistake in CATALOGUE}
    open_ids = set(powers)
    for found in _measured(cases, root, jobs, powers, lambda: open_ids):
        for mistake_id, effect in found.items():
            power = powers[mistake_id]
            power.effects.append(effect)
            if sum(e.separation >= LEAST_SEPARATION for e in power.counted) >= _CASES_ENOUGH:
                open_ids.discard(mistake_id)
        report()
    weak = [power for power in powers.values() if not power.separation >= LEAST_SEPARATION]
    return [_weakness(power) for power in sorted(weak, key=lambda power: power.separation)]


def _weakness(power: Power) -> str:
    name = f"mistake {power.mistake.id}"
    if power.best is None:
        return f"{name}: no case has what it takes to make it; add one to specs/"
    return (
        f"{name}: separated by {power.separation:.2g} only, at best ({power.best.case_id}); needs "
        f"{LEAST_SEPARATION:g}: add a case to specs/ on which it does more"
    )


def _measured(
    cases: Sequence[Case],
    root: Path,
    jobs: int | None,
    powers: Mapping[str, Power],
    wanted: Callable[[], Collection[str]],
) -> Iterator[dict[str, Effect]]:
    """The effects of the mistakes wanted at the time, case by case as they get ready, the cheapest cases first."""
    workers = jobs or os.cpu_count() or 1
    ordered = sorted(cases, key=cost)
    with ProcessPoolExecutor(max_workers=workers, initializer=end_with_parent) as pool:
        try:
            running: set[Future[dict[str, Effect]]] = set()
            for case in (case for case in ordered if not case.on_demand):
                running.add(pool.submit(_effects_in_worker, root, case, list(wanted())))
                if len(running) > 2 * workers:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in as_completed(running))
            for case in (case for case in ordered if case.on_demand):
                ids = [name for name, power in powers.items() if not power.effects and power.mistake.applies(case)]
                yield pool.submit(_effects_in_worker, root, case, ids).result() if ids else {}
        finally:
            pool.shutdown(cancel_futures=True)


@functools.cache
def _store(root: Path) -> VectorStore:
    return VectorStore(root)


def _effects_in_worker(root: Path, case: Case, ids: Sequence[str]) -> dict[str, Effect]:
    """Mistakes travel as their ids, for what they compute cannot be sent."""
    vector = cached(case) if case.on_demand else _store(root).load(case)
    return effects(case, vector.arrays, vector.golden, vector.kappa, [BY_ID[mistake_id] for mistake_id in ids])


def effects(
    case: Case, arrays: Arrays, golden: Outputs, kappa: Outputs, mistakes: Sequence[Mistake] = CATALOGUE
) -> dict[str, Effect]:
    """The effect of each mistake that applies to a case; `golden` may have fewer tensors than the case has."""
    exact = arrays.in_dtype(np.float64)
    with np.errstate(all="ignore"):
        return {
            mistake.id: _effect(case, mistake.outputs(case, exact), golden, kappa)
            for mistake in mistakes
            if mistake.applies(case)
        }


def _effect(case: Case, outputs: Outputs, golden: Outputs, kappa: Outputs) -> Effect:
    most_noise = separation = 0.0
    for name, want in golden.items():
        if outputs[name].shape != want.shape:
            return Effect(case.id, case.dtype, math.inf, math.inf)
        got = within_range(outputs[name], case.np_dtype)
        largest = allowed(want, kappa[name], case.tolerance, case.dtype, case.np_dtype)
        most_noise = max(most_noise, float(np.max(noise(got, want, kappa[name], case.dtype), initial=0.0)))
        separation = max(separation, float(np.max(times(error(got, want), largest), initial=0.0)))
    return Effect(case.id, case.dtype, most_noise, separation)
