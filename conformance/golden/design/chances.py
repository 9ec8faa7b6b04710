"""How likely it is that a mistake drawn at random is shown by the cases there are.

The mistakes of the grammar (conformance.lstm.mistakes.grammar) are too many to be tried on every candidate. What is
counted instead is which of them a case can show at all: it has the operation, its sizes reach the part, the condition
holds, and its numbers are of the kind that the fault needs. Such a case shows it with a chance of `_SHOWN`, so two of
them are better than one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.source import Source
from conformance.golden.sampling import shown_by
from conformance.lstm.mistakes.grammar.conditions import CONDITIONS
from conformance.lstm.mistakes.grammar.faults import FAULTS
from conformance.lstm.mistakes.grammar.localities import AXES, Locality, localities
from conformance.lstm.mistakes.grammar.sampled import ALL_OVER, ALWAYS, Sampled
from conformance.lstm.mistakes.grammar.sites import SITES, Site

Floats = np.ndarray[Any, np.dtype[np.float32]]

KINDS = ("any", "steps", "wide", "large", "tiny", "tiny gradients")
"""What a fault needs of a case: nothing, a step before, a format that it narrows, large numbers, tiny ones, or tiny
gradients of the outputs."""
_SHOWN = 0.85
_IN_HALF = 0.65
_FADING = 0.4
"""The chance in a case in which what is done to the first step has to be seen after many."""
_MANY_STEPS = 16


@dataclass(frozen=True)
class Shows:
    """What a case can show: for each place the chance, for each condition whether it holds, for each kind a chance."""

    places: Floats
    conditions: Floats
    kinds: Floats


@functools.cache
def _places() -> list[tuple[Site, Locality, float]]:
    """Every site with each locality, and how often it is drawn."""
    found: list[tuple[Site, Locality, float]] = []
    for site in SITES.values():
        kinds = localities(site.axes)
        found.append((site, Locality(), ALL_OVER if kinds else 1.0))
        for parts in kinds.values():
            share = (1 - ALL_OVER) / len(kinds) / len(parts)
            found += [(site, part, share) for part in parts]
    return found


@functools.cache
def _kind_of(site: str, fault: str) -> str | None:
    """What a fault at a site needs to be seen; None if nothing shows it."""
    probe, _ = shown_by(Sampled(SITES[site], FAULTS[fault], Locality(), CONDITIONS["always"]), lambda case: True)
    if probe is None:
        return None
    if fault in ("in-bfloat16", "in-float16"):
        return "wide"
    if fault == "saturated":
        return "large"
    if fault == "flushed":
        return "tiny" if probe.dy is None or _bound(probe.x) < 1 else "tiny gradients"
    return "steps" if fault == "stale" else "any"


@functools.cache
def drawn() -> Floats:
    """How often a mistake is drawn, by kind, place and condition: (KINDS, places, conditions); in all, 1."""
    conditions = np.array(
        [ALWAYS if c.having is None else (1 - ALWAYS) / (len(CONDITIONS) - 1) for c in CONDITIONS.values()]
    )
    found = np.zeros((len(KINDS), len(_places()), len(CONDITIONS)), np.float32)
    for n, (site, _, share) in enumerate(_places()):
        for fault in site.faults:
            kind = _kind_of(site.word, fault)
            if kind is not None:
                found[KINDS.index(kind), n] += conditions * share / len(SITES) / len(site.faults)
    shares: Floats = found / found.sum()
    return shares


def shows(case: Case) -> Shows:
    """What a case can show."""
    places = np.zeros(len(_places()), np.float32)
    here: dict[str, tuple[bool, dict[str, tuple[int, ...]]]] = {}
    fading = max(case.blocks or (case.T,)) > _MANY_STEPS
    for n, (site, where, _) in enumerate(_places()):
        if site.word not in here:
            present = site.present(case)
            sizes = {axis: tuple(found) for axis, found in site.sizes(case).items()} if present else {}
            here[site.word] = present, sizes
        present, sizes = here[site.word]
        if present and _possible(case, where, sizes):
            first = where.word == "steps-first" or site.word.startswith("initial")
            places[n] = _FADING if fading and first else 1.0
    conditions = np.array([condition.holds(case) for condition in CONDITIONS.values()], np.float32)
    return Shows(places, conditions, _kinds(case))


def _possible(case: Case, where: Locality, sizes: dict[str, tuple[int, ...]]) -> bool:
    return _within(where, sizes[where.axis]) if where.axis in AXES else where.possible(case, sizes)


@functools.cache
def _within(where: Locality, sizes: tuple[int, ...]) -> bool:
    return where.within(sizes)


def _bound(source: Source | None) -> float:
    """The largest number of a uniform source; about that of any other."""
    return (
        abs(source.uniform.high) if source is not None and source.uniform and source.uniform.high is not None else 1.0
    )


def _kinds(case: Case) -> Floats:
    """The chance that a case shows a fault of each kind, by its dtype and numbers."""
    bound = _bound(case.x)
    usual = _IN_HALF if case.dtype in ("float16", "bfloat16") else _SHOWN
    usual *= 0.3 if bound > 8 else 0.6 if bound < 1e-2 else 1.0
    steps = max(case.blocks or (case.T,)) > 1
    wide = case.dtype in ("float32", "float64")
    found = {
        "any": usual,
        "steps": usual * steps,
        "wide": usual * wide,
        "large": 0.7 * (bound > 8),
        "tiny": 0.7 * (bound < 1e-2),
        "tiny gradients": 0.7 * (_bound(case.dy) < 1e-1),
    }
    return np.array([found[kind] for kind in KINDS], np.float32)


class Missed:
    """The chance that each mistake is drawn and shown by none of the cases so far: (KINDS, places, conditions)."""

    def __init__(self) -> None:
        self.chance = drawn().copy()

    def gain(self, case: Shows) -> float:
        """How much a case lowers it, in all."""
        by_kind = np.einsum("kpc,p,c->k", self.chance, case.places, case.conditions, optimize=True)
        return float(by_kind @ case.kinds)

    def take(self, case: Shows) -> None:
        """Count a case."""
        shown = case.kinds[:, None, None] * case.places[:, None] * case.conditions
        self.chance *= 1 - shown
