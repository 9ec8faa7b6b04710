"""The whole design: the covering array and, interface by interface, what the cases so far leave open."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from conformance.case.model import Case
from conformance.golden.design import choosing
from conformance.golden.design.arrays import covering
from conformance.golden.design.choosing import Refusal
from conformance.golden.design.factors import Row
from conformance.golden.design.rows import case_of, short

FAMILY = "designed"
"""The family of the array; an interface's is this with its name behind it."""
SEED = 1
UNPROVEN = ("T=9 B=1 I=2 H=1, 3 layers, float16, blocks, gradients, tiny gradients",)
"""Rows that `conformance generate` refused, in words: their noise is an estimate here. They are drawn, so that all
others stay as they are, but not shipped."""


@dataclass(frozen=True)
class Family:
    """The rows of one file of the design, and why they are there."""

    name: str
    description: str
    rows: Sequence[Row] = field(default_factory=list)

    @property
    def cases(self) -> list[Case]:
        """Their cases, in order."""
        found = [case_of(row, f"{self.name}/{n:03d}-{short(row)}") for n, row in enumerate(self.rows, 1)]
        return [case for case in found if case is not None]

    @property
    def shipped(self) -> list[tuple[Row, Case]]:
        """Those with a vector, and their rows."""
        return [each for each in zip(self.rows, self.cases, strict=True) if each[1].description not in UNPROVEN]


def family_of(adapter: str) -> str:
    """The name of an interface's family."""
    return f"{FAMILY}-{adapter}"


def of_array(seed: int, report: Callable[[], None] = lambda: None) -> Family:
    """The covering array."""
    about = "a covering array: every pair of levels of options and sizes, every pair of options with each direction"
    return Family(FAMILY, about, covering(seed, report))


def of_interface(
    adapter: str, refusal: Refusal, cases: Sequence[Case], seed: int, report: Callable[[], None] = lambda: None
) -> Family:
    """What other cases leave open for one interface."""
    about = f"what the other cases leave open for {adapter}: pairs of its options, and mistakes that it could make"
    own = crc32(f"{seed} {adapter}".encode())
    return Family(family_of(adapter), about, choosing.chosen(refusal, cases, own, report=report))


def order(refusals: Mapping[str, Refusal]) -> list[str]:
    """Interfaces in the order in which they are asked: those with few options first, whose cases others can use."""

    def size(name: str) -> int:
        return sum(map(len, choosing.offered(refusals[name]).values()))

    return sorted(refusals, key=lambda name: (size(name), name))


def is_designed(case: Case) -> bool:
    """Whether a case is one of the design."""
    return case.family == FAMILY or case.family.startswith(f"{FAMILY}-")


def whole(
    refusals: Mapping[str, Refusal],
    by_hand: Sequence[Case],
    seed: int,
    report: Callable[[str], None] = lambda family: None,
) -> list[Family]:
    """The array, and every interface's family that has rows.

    Args:
        refusals: of each interface, by its adapter's name. by_hand: the cases that are not of the design.
        report: called with the name of a family for each row of it.
    """
    array = of_array(seed, lambda: report(FAMILY))
    return [array, *of_interfaces(refusals, [*by_hand, *array.cases], seed, report)]


def of_interfaces(
    refusals: Mapping[str, Refusal],
    cases: Sequence[Case],
    seed: int,
    report: Callable[[str], None] = lambda family: None,
) -> list[Family]:
    """What these cases leave open, interface by interface; each has those of the ones before it, too."""
    found: list[Family] = []
    for adapter in order(refusals):
        so_far = [*cases, *(case for family in found for case in family.cases)]
        count = functools.partial(report, family_of(adapter))
        found.append(of_interface(adapter, refusals[adapter], so_far, seed, count))
    return [family for family in found if family.rows]
