"""The covering array: every pair of levels, and every pair of options together with each direction.

The library covers the options, one direction after the other. Sizes, which may cost too much together, are chosen for
its rows, and further rows cover what is left, each level being the one that covers most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from conformance.golden.design.factors import OPTIONS, SIZES, Row
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed
from conformance.golden.design.rules import RULES
from conformance.golden.design.sizes import storable

CANDIDATES = 6
"""Rows that are tried where one is needed; the one that covers most is taken."""
_TRIES = 60
"""Attempts to find a row with something, before it is taken for impossible."""


def _covered(a: str, b: str) -> bool:
    """Whether every pair of levels of two factors is wanted."""
    both_sizes = a in SIZES and b in SIZES
    return a != b and (not both_sizes or a + b in _SIDES or b + a in _SIDES)


def levels() -> dict[str, list[Any]]:
    """Every factor with its levels; 0 is the size of a projection or a head that a row does not have."""
    sizes = {name: [0, *known] if name in "PO" else list(known) for name, known in SIZES.items()}
    return {name: list(known) for name, known in OPTIONS.items()} | sizes


_SIDES = ("TB", "HI", "HP")
"""Pairs of sizes on both of which an engine's path depends: the rows of a product over all steps, and the sides of W
and of a projection. With each further pair of sizes the array would have 100 to 200 rows more."""


class Open:
    """What is still to be covered: pairs of levels of different factors, and pairs of options with each direction.

    pairs: bool (levels, levels), symmetric. triples: bool (directions, levels, levels).
    """

    def __init__(self, factors: Mapping[str, Sequence[Any]], *, triples: bool) -> None:
        self.factors = factors
        every = [(name, level) for name in factors for level in factors[name]]
        self._index = {each: n for n, each in enumerate(every)}
        of_factor = np.array([list(factors).index(name) for name, _ in every])
        names = list(factors)
        together = np.array([[_covered(a, b) for b in names] for a in names])
        self.pairs = together[of_factor][:, of_factor]
        option = np.array([name in OPTIONS and name != "direction" for name, _ in every])
        self._directions = {level: n for n, level in enumerate(factors["direction"])}
        among_options = self.pairs & option[:, None] & option[None, :]
        self.triples = np.repeat(among_options[None] & triples, len(self._directions), axis=0)
        self._every = every

    def at(self, row: Mapping[str, Any]) -> list[int]:
        """The indices of the levels of a row."""
        return [self._index[each] for each in row.items()]

    def new(self, row: Row) -> int:
        """How much a row covers of it."""
        at = np.ix_(self.at(row), self.at(row))
        return int(self.pairs[at].sum() + self.triples[self._directions[row["direction"]]][at].sum())

    def take(self, row: Row) -> None:
        """Count what a row covers as covered."""
        at = np.ix_(self.at(row), self.at(row))
        self.pairs[at] = False
        self.triples[self._directions[row["direction"]]][at] = False

    def ranked(self, row: Mapping[str, Any], name: str, levels: Sequence[Any]) -> list[Any]:
        """Levels of a factor, in the order of how much they cover together with the levels that a row has already."""
        chosen = self.at(row)
        of = [self._index[name, level] for level in levels]
        gain = self.pairs[np.ix_(of, chosen)].sum(axis=1)
        if "direction" in row:
            gain = gain + self.triples[self._directions[row["direction"]]][np.ix_(of, chosen)].sum(axis=1)
        return [levels[n] for n in np.argsort(-gain, kind="stable")]

    def next(self) -> Row | None:
        """Something that is not covered, as the part of a row; None if everything is."""
        for direction, pairs in [*zip(self._directions, self.triples, strict=True), (None, self.pairs)]:
            if pairs.any():
                a, b = np.unravel_index(np.argmax(pairs), pairs.shape)
                part = dict([self._every[a], self._every[b]])
                return part if direction is None else {"direction": direction} | part
        return None

    def give_up(self, part: Row) -> None:
        """Take something for impossible."""
        a, b = self.at(part)[-2:]
        if len(part) == 3:
            self.triples[self._directions[part["direction"]], [a, b], [b, a]] = False
        else:
            self.pairs[[a, b], [b, a]] = False


def covering(seed: int, report: Callable[[], None] = lambda: None) -> list[Row]:
    """The rows of the array; `report` is called before each.

    Raises:
        ImportError: covertable is not installed (extra `generate`).
    """
    factors, random = levels(), Random(seed)
    left, rows = Open(factors, triples=True), list[Row]()

    def add(part: Row, tries: int) -> bool:
        """Adds the best of some rows with these levels that are worth asking; false if there is none."""
        found = [row for _ in range(tries) if (row := completed(part, factors, random, left.ranked)) is not None]
        for row in sorted(found, key=left.new, reverse=True):
            case = case_of(row)
            if case is not None and storable(case) and unfit(case) is None:
                left.take(row)
                rows.append(row)
                return True
        return False

    for part in _of_options(seed, factors):
        report()
        if not add(part, CANDIDATES):
            add(part, _TRIES)
    while (wanted := left.next()) is not None:
        report()
        if not (add(wanted, CANDIDATES) or add(wanted, _TRIES)):
            left.give_up(wanted)
    return rows


def _of_options(seed: int, factors: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Every pair of levels of options, in each direction."""
    import covertable

    options = {name: factors[name] for name in OPTIONS}
    rules = [
        {"operator": "fn", "requires": rule.factors, "evaluate": rule.holds}
        for rule in RULES
        if set(rule.factors) <= options.keys()
    ]
    rows: list[Row] = []
    for direction in options["direction"]:
        one = options | {"direction": [direction]}
        rows += covertable.make(one, strength=2, salt=str(seed), constraints=rules)
    return rows
