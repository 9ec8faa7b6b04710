"""The power of the vectors: compares every mistake of the catalogue, on every case, to the golden values.

A mistake's separation on a case is its worst error as a multiple of the error that the case allows; if it is greater
than 1, the case catches the mistake. That of a systematic mistake is its bias as a multiple of the bias allowed. No
framework runs: mistakes are computed in float64 on the arrays of the vector, under the default contracts.
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

from conformance.case.dtypes import BIAS_ALLOWED
from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.golden.work import cost, end_with_parent
from conformance.lstm.mistakes import CATALOGUE, Mistake, named
from conformance.verdict.bias import bias_of
from conformance.verdict.noise import allowed, error, noise, times, within_range

LEAST_SEPARATION = 8.0
"""The separation that the shipped vectors must reach for every mistake, on at least one case."""
LEAST_OF_SYSTEMATIC = 1.5
"""The same for a systematic mistake, whose mean error cannot be much larger than what is allowed: its largest error is
itself within the tolerance."""
_ENOUGH_CASES = 3
"""A mistake separated by this many cases in float32 is not tried on costlier ones."""


@dataclass(frozen=True)
class Effect:
    """The effect of a mistake on one case: its noise, and its error as a multiple of that allowed; infinite for NaN.

    The separation of a systematic mistake is its bias as a multiple of the bias that is allowed.
    """

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
    """A mistake and its effect on every case to which it applies."""

    mistake: Mistake
    effects: list[Effect] = field(default_factory=list)

    @property
    def counted(self) -> list[Effect]:
        """The effects that count for the separation.

        Those in float32 if the mistake has an effect there, because every framework computes in float32 and a float64
        case would overstate the separation; else all. A mistake has an effect if its noise is greater than 1.
        """
        in_float32 = [effect for effect in self.effects if effect.dtype == "float32"]
        return in_float32 if any(effect.noise > 1.0 for effect in in_float32) else self.effects

    @property
    def best(self) -> Effect | None:
        """The case that separates it best; one with a finite separation is preferred if that is large enough."""
        ranked = sorted(self.counted, key=lambda effect: effect.separation)
        numbered = [effect for effect in ranked if self.needed <= effect.separation < math.inf]
        return next(reversed(numbered or ranked), None)

    @property
    def separation(self) -> float:
        """The separation of the best case; 0 if the mistake applies to no case."""
        return self.best.separation if self.best is not None else 0.0

    @property
    def needed(self) -> float:
        """The separation that the shipped vectors must reach."""
        return LEAST_OF_SYSTEMATIC if self.mistake.systematic else LEAST_SEPARATION

    @property
    def separated(self) -> bool:
        """Whether they reach it."""
        return self.separation >= self.needed

    @property
    def caught(self) -> list[Effect]:
        """The effects on the cases that catch it, in any dtype."""
        return [effect for effect in self.effects if effect.caught]

    @property
    def least(self) -> float:
        """The smallest noise over all cases to which it applies."""
        return min((effect.noise for effect in self.effects), default=0.0)

    @property
    def greatest(self) -> float:
        """The greatest noise over all cases to which it applies."""
        return max((effect.noise for effect in self.effects), default=0.0)


def measure(
    cases: Sequence[Case],
    root: Path,
    mistakes: Sequence[Mistake] = CATALOGUE,
    *,
    jobs: int | None = None,
    report: Callable[[], None] = lambda: None,
) -> list[Power]:
    """Every mistake with its effect on every case, whose vectors are below `root`; `report` is called after each case.

    A vector made on demand is used only for mistakes that apply to no shipped case.

    Raises:
        VectorError: a case has no readable vector.
        GenerationError: a vector made on demand is not in the cache and cannot be generated here.
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
    """One line for each mistake that no case separates by as much as is needed.

    The cheapest cases go first, and a mistake that enough of them separate in float32, the format that counts if it
    has an effect there, is not tried on the others.

    Raises:
        VectorError: a case has no readable vector.
        GenerationError: a vector made on demand is not in the cache and cannot be generated here.
    """
    powers = {mistake.id: Power(mistake) for mistake in CATALOGUE}
    open_ids = set(powers)
    for found in _measured(cases, root, jobs, powers, lambda: open_ids):
        for mistake_id, effect in found.items():
            power = powers[mistake_id]
            power.effects.append(effect)
            if sum(e.separation >= power.needed and e.dtype == "float32" for e in power.effects) >= _ENOUGH_CASES:
                open_ids.discard(mistake_id)
        report()
    weak = [power for power in powers.values() if not power.separated]
    return [_weakness(power) for power in sorted(weak, key=lambda power: power.separation)]


def _weakness(power: Power) -> str:
    name = f"mistake {power.mistake.id}"
    if power.best is None:
        return f"{name}: applies to no case; add one to specs/"
    return (
        f"{name}: best separation is {power.separation:.2g} ({power.best.case_id}), needs {power.needed:g}; "
        "add a case to specs/ on which it has a larger effect"
    )


def _measured(
    cases: Sequence[Case],
    root: Path,
    jobs: int | None,
    powers: Mapping[str, Power],
    wanted: Callable[[], Collection[str]],
) -> Iterator[dict[str, Effect]]:
    """The effects of the mistakes that are still wanted, one dict per case as it is completed, cheapest cases first."""
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
    """Takes ids, because mistakes cannot be pickled."""
    vector = cached(case) if case.on_demand else _store(root).load(case)
    return effects(case, vector.arrays, vector.golden, vector.kappa, [named(mistake_id) for mistake_id in ids])


def effects(
    case: Case, arrays: Arrays, golden: Outputs, kappa: Outputs, mistakes: Sequence[Mistake] = CATALOGUE
) -> dict[str, Effect]:
    """The effect of each mistake that applies to a case; `golden` may have only some of the case's tensors."""
    exact = arrays.in_dtype(np.float64)
    with np.errstate(all="ignore"):
        return {
            mistake.id: (_systematic if mistake.systematic else _effect)(
                case, mistake.outputs(case, exact), golden, kappa
            )
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


def _systematic(case: Case, outputs: Outputs, golden: Outputs, kappa: Outputs) -> Effect:
    """The effect of a systematic mistake: the errors are those of its answer in the case's dtype."""
    most_noise = separation = 0.0
    for name, want in golden.items():
        got = outputs[name].astype(case.np_dtype)
        most_noise = max(most_noise, float(np.max(noise(got, want, kappa[name], case.dtype), initial=0.0)))
        found = bias_of(case, name, got, want, kappa[name], case.dtype)
        if found is not None:
            separation = max(separation, found.beyond_chance / BIAS_ALLOWED[case.dtype])
    return Effect(case.id, case.dtype, most_noise, separation)
