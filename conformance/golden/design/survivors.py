"""Cases for drawn mistakes that all other cases let pass, as a spec.

Most of them are made at a border that few cases reach, such as in the rows from 128 on, and only with some option. One
case of the design that reaches the border with many options catches many of them, so such cases are drawn, and those
are taken that catch most for what they cost. They also catch much of what passes in other samples. Measure with a seed
that no case was added for.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.fields import FAMILY
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.files import MEBIBYTE, read_text
from conformance.golden.design.arrays import levels
from conformance.golden.design.choosing import Refusal, cost_of, mostly_plain, offered
from conformance.golden.design.factors import Row
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, keys_of, row_of, seed_of, short
from conformance.golden.design.sizes import affordable
from conformance.golden.design.text import document
from conformance.golden.inputs import make_arrays
from conformance.golden.power import effects
from conformance.golden.work import end_with_parent
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes.grammar import Sampled, sampled

WRITTEN = "# Written by `conformance mistakes --sample`, as docs/sampled-mistakes.md says: not to be changed by hand."
MOST_BYTES = 16 * MEBIBYTE
_ABOUT = "cases made for mistakes that were drawn at random and passed all other cases"
_NUMBERS = {"flushed": ("tiny numbers", "tiny gradients"), "saturated": ("large numbers",)}
"""What shows a fault that usual numbers hide."""
_EACH, _TRIES = 5, 30
"""Rows that are drawn for a mistake, and attempts for each."""
_PLAIN = (0.2, 0.7)
"""The chance with which an option has its plain level."""


def rows_for(
    survivors: Sequence[str],
    seed: int,
    refusal: Refusal | None = None,
    *,
    least: float = 0.0,
    jobs: int | None = None,
    report: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Rows of the design that between them catch these mistakes, as far as rows that were drawn do.

    Args:
        survivors: ids of the mistakes. refusal: the interface's; None for one that refuses nothing.
        least: how many mistakes a row has to catch for each unit of what it costs (conformance.golden.design.choosing).
        report: called for each row that has been tried.
    """
    draw = _Draw(Random(seed), refusal)
    drawn = {case.description: (row, case) for words in survivors for row, case in draw.rows(sampled(words))}
    catches: dict[str, set[str]] = {}
    context = multiprocessing.get_context("spawn")  # a progress bar has a thread, which must not be forked
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=context, initializer=end_with_parent) as pool:
        try:
            for words, caught in pool.map(_tried, drawn, [tuple(survivors)] * len(drawn), chunksize=4):
                catches[words] = set(caught)
                report()
        finally:
            pool.shutdown(cancel_futures=True)
    found: list[Row] = []
    while catches:
        worth = {words: len(caught) / cost_of(drawn[words][1]) for words, caught in catches.items()}
        best = max(worth, key=worth.__getitem__)
        if worth[best] <= least:
            break
        (row, case), own = drawn[best], catches.pop(best)
        if unfit(case) is None:
            found.append(row)
            catches = {words: others - own for words, others in catches.items()}
    return found


class _Draw:
    """Rows at random within an interface."""

    def __init__(self, random: Random, refusal: Refusal | None) -> None:
        self._random = random
        self._refusal = refusal or (lambda case: None)
        self._factors = levels() if refusal is None else offered(refusal)

    def rows(self, mistake: Sampled) -> Iterator[tuple[Row, Case]]:
        """Some that a mistake is made on, with the sizes that its part needs, and their cases."""
        for _ in range(_EACH):
            for _ in range(_TRIES):
                ranked = mostly_plain(self._random, self._random.uniform(*_PLAIN))
                row = completed(self._part(mistake), self._factors, self._random, ranked, affordable)
                case = case_of(row) if row is not None else None
                if row is not None and case is not None and self._refusal(case) is None and mistake.applies(case):
                    yield row, case
                    break

    def _part(self, mistake: Sampled) -> Row:
        """The levels that a mistake needs: sizes, and the kind of numbers that its fault is about."""
        sizes = mistake.where.sizes()
        if "I" in sizes and self._random.random() < 0.5:  # the columns of an operation are those of x, or of h
            sizes = {"H": sizes["I"]}
        part = {name: next((n for n in self._factors[name] if n >= size), size) for name, size in sizes.items()}
        kinds = [kind for kind in _NUMBERS.get(mistake.fault.word, ()) if kind in self._factors["numbers"]]
        return part | ({"numbers": self._random.choice(kinds)} if kinds else {})


def _tried(words: str, survivors: Sequence[str]) -> tuple[str, list[str]]:
    """Those of the mistakes that a row seems to catch.

    The golden answer is that of the reference in float64, and kappa counts as 0, so a few may pass the proven case.
    """
    case = case_of(row_of(words))
    assert case is not None
    some = [mistake for mistake in map(sampled, survivors) if mistake.applies(case) and _reaches(case, mistake)]
    arrays = make_arrays(case)
    with np.errstate(all="ignore"):
        golden = reference_of(case).run(arrays.in_dtype(np.float64))
    well = {name: np.zeros_like(array) for name, array in golden.items()}
    found = effects(case, arrays, golden, well, [mistake.mistake for mistake in some])
    return words, [mistake_id for mistake_id, effect in found.items() if effect.caught]


def _reaches(case: Case, mistake: Sampled) -> bool:
    """Whether a case may have the part that a mistake is made in; the columns of an operation are of x or h."""
    sizes = {"T": case.T, "B": case.B, "H": case.H, "I": max(case.I, case.H), "O": case.head.O if case.head else 0}
    return all(sizes.get(name, size) >= size for name, size in mistake.where.sizes().items())


def rows_in(path: Path) -> list[Row]:
    """The rows of a spec to which cases are to be added; none if it does not exist.

    Raises:
        ConformanceError: no spec can have this name, it cannot be read, or it was written by hand.
    """
    if path.suffix != ".yaml" or not re.fullmatch(FAMILY, path.stem):
        raise ConformanceError(f"{path}: a spec is named after its family, as in {path.parent / 'sampled.yaml'}")
    if not path.exists():
        return []
    if not read_text(path, MOST_BYTES).startswith(WRITTEN):
        raise ConformanceError(f"{path} was not written by this command; name another file")
    return [row_of(case.description) for case in load_spec(path)]


def spec_of(family: str, rows: Sequence[Row]) -> str:
    """The text of a spec with the cases of these rows."""
    entries: list[tuple[Case, dict[str, object]]] = []
    for n, row in enumerate(rows, 1):
        case = case_of(row, f"{family}/{n:03d}-{short(row)}")
        assert case is not None
        entries.append((case, keys_of(row) | {"seed": seed_of(row)}))
    return document(WRITTEN, family, _ABOUT, entries)
