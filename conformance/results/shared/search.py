"""Finds the conjunctions of conditions that failing cases have and passing ones lack, and weighs the evidence for them.

Evidence is in bits. If as many cases as failed had failed at random, the probability that some conjunction with the
same number of conditions fits as well as the one found is at most 2 to the power of minus its bits: for each
conjunction it is at most

    C(j + e, j) C(N - j, k - j) / C(N, k)

where k of N cases failed, and the conjunction holds for j of these and for e that passed. Summed over all conjunctions
that could have been found, that costs log2(number of conditions) bits per condition, and a little more for conditions
that are rarely a cause. So a further condition has to pay for itself, be it with failing cases or with passing ones,
and a few failures in a small run are evidence for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from conformance.results.shared.conditions import Bools, Floats

LEAST_FAILURES: Final = 3
"""Fewer failing cases than that always have much in common."""
LEAST_BITS: Final = 10.0
"""Evidence that chance gives in one of a thousand runs."""
MOST_CONJUNCTIONS: Final = 5
_BEAM = 64
"""Conjunctions of two conditions to which a third one is added."""
_CLOSE = 3.0
"""Bits within which one conjunction counts as well supported as another."""

Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Conjunction:
    """Conditions, by their rows, that hold together for failing cases, and hardly for passing ones.

    alternatives: other conjunctions, about other keys, that hold for the same failing cases and for no more passing
    ones.
    """

    rows: tuple[int, ...]
    bits: float
    alternatives: tuple[tuple[int, ...], ...] = ()

    def holds(self, holds: Bools) -> Bools:
        """For which cases all of its conditions hold; `holds` is (conditions, cases)."""
        return np.asarray(holds[list(self.rows)].all(axis=0))


def conjunctions(holds: Bools, failing: Bools, penalties: Sequence[float], keys: Sequence[str]) -> list[Conjunction]:
    """One conjunction for all failing cases, or up to five for parts of them; none where there is no evidence.

    Args:
        holds: (conditions, cases), where each condition holds.
        failing: (cases,), which of them failed; the others passed.
        penalties: of each condition, in bits.
        keys: what each condition is about.
    """
    if failing.all() or not len(holds):
        return []
    costs = np.asarray(penalties) + math.log2(len(holds))
    whole = _best(holds, failing, costs, keys, whole=True)
    if whole is not None and not (whole.holds(holds) & ~failing).any():
        return [whole]
    parts: list[Conjunction] = []
    left = np.ones_like(failing)  # the passing cases, and the failing ones that nothing explains yet
    while len(parts) < MOST_CONJUNCTIONS:
        part = _best(holds[:, left], failing[left], costs, keys, whole=False)
        if part is None:
            break
        parts.append(part)
        left &= ~(failing & part.holds(holds))
    return [whole] if whole is not None and whole.bits >= sum(part.bits for part in parts) else parts


def _best(holds: Bools, failing: Bools, costs: Floats, keys: Sequence[str], *, whole: bool) -> Conjunction | None:
    """The conjunction with the most evidence, for all failing cases or for some of them."""
    k = int(failing.sum())
    least = k if whole else LEAST_FAILURES
    candidates = np.flatnonzero(holds[:, failing].sum(axis=1) >= least)
    if k < LEAST_FAILURES or not len(candidates):
        return None
    ranked = _ranked(holds[candidates], failing, costs[candidates])
    most_passing = ranked.failing if whole else ranked.failing // 2
    ranked = ranked[(ranked.failing >= least) & (ranked.passing <= most_passing) & (ranked.bits >= LEAST_BITS)]
    if not len(ranked.bits):
        return None
    pure = ranked[(ranked.passing == 0) & (ranked.bits >= ranked.bits[0] - _CLOSE)]
    ranked = pure if len(pure.bits) else ranked
    fitting: dict[frozenset[str], tuple[int, ...]] = {}
    for rows in _alike(ranked, holds[candidates][:, failing]):
        known = tuple(candidates[rows].tolist())
        fitting.setdefault(frozenset(keys[row] for row in known), known)
    first, *others = fitting.values()
    return Conjunction(first, float(ranked.bits[0]), tuple(others))


@dataclass(frozen=True)
class _Ranked:
    """Conjunctions.

    rows: (n, 3), -1 where there are fewer conditions. bits, failing, passing: (n,), the evidence, and how many failing
    and passing cases each holds for.
    """

    rows: Ints
    bits: Floats
    failing: Ints
    passing: Ints

    def __getitem__(self, chosen: Any) -> _Ranked:
        return _Ranked(self.rows[chosen], self.bits[chosen], self.failing[chosen], self.passing[chosen])


def _alike(ranked: _Ranked, holds: Bools) -> list[list[int]]:
    """The first, and those of as many conditions that hold for the same of the failing cases, with as good evidence."""
    alike = (ranked.bits >= ranked.bits[0] - _CLOSE) & (ranked.passing <= ranked.passing[0])
    alike &= (ranked.failing == ranked.failing[0]) & ((ranked.rows >= 0).sum(axis=1) == (ranked.rows[0] >= 0).sum())
    found = [[row for row in rows if row >= 0] for rows in ranked.rows[alike].tolist()]
    same = holds[found[0]].all(axis=0)
    return [rows for rows in found if (holds[rows].all(axis=0) == same).all()]


def _ranked(holds: Bools, failing: Bools, costs: Floats) -> _Ranked:
    """The conjunctions of up to three conditions, the most evidence first.

    All of one condition; of two, all that can have as much evidence as the best of one; of three, the most promising.
    """
    weigh = _Evidence(int(failing.sum()), len(failing))
    wrong, right = (holds[:, cases].astype(np.float32) for cases in (failing, ~failing))
    one = weigh(np.arange(len(holds))[:, None], costs, wrong.sum(axis=1), right.sum(axis=1))
    # A further condition takes passing cases away from a conjunction, and adds no failing ones.
    enough = max(float(one.bits.max()), LEAST_BITS) - _CLOSE
    there = np.flatnonzero(weigh.bits(one.failing, np.zeros_like(one.failing), costs) >= enough)
    first, second = np.triu_indices(len(there), 1)
    failed, passed = ((of[there] @ of[there].T)[first, second] for of in (wrong, right))
    pairs = there[np.stack([first, second], axis=1)]
    two = weigh(pairs, costs[pairs].sum(axis=1), failed, passed)
    beam = two.rows[np.argsort(-two.bits, kind="stable")[:_BEAM], :2]
    failed, passed = ((of[beam[:, 0]] * of[beam[:, 1]]) @ of[there].T for of in (wrong, right))
    pair, third = np.nonzero((there != beam[:, :1]) & (there != beam[:, 1:]))
    triples = np.sort(np.column_stack([beam[pair], there[third]]), axis=1)
    _, once = np.unique(triples @ np.array([len(holds) ** 2, len(holds), 1]), return_index=True)
    triples, pair, third = triples[once], pair[once], third[once]
    three = weigh(triples, costs[triples].sum(axis=1), failed[pair, third], passed[pair, third])
    every = _Ranked(
        np.concatenate([one.rows, two.rows, three.rows]),
        np.concatenate([one.bits, two.bits, three.bits]),
        np.concatenate([one.failing, two.failing, three.failing]),
        np.concatenate([one.passing, two.passing, three.passing]),
    )
    # Stable: of those with the same evidence, fewer conditions first, and those that come first in the table.
    return every[np.argsort(-every.bits, kind="stable")]


class _Evidence:
    """Bits of evidence, see the module's docstring.

    Args:
        k: how many cases failed.
        n: how many there are.
    """

    def __init__(self, k: int, n: int) -> None:
        self._factorials = np.concatenate([[0.0], np.cumsum(np.log2(np.arange(1, n + 1)))])
        self._k, self._n = k, n

    def __call__(self, rows: Ints, costs: Floats, failing: Any, passing: Any) -> _Ranked:
        """Conjunctions of these rows (n, conditions), which hold for so many failing and passing cases (n,)."""
        j, e = failing.astype(np.int64), passing.astype(np.int64)
        padded = np.full((len(rows), 3), -1)
        padded[:, : rows.shape[1]] = rows
        return _Ranked(padded, self.bits(j, e, costs), j, e)

    def bits(self, j: Ints, e: Ints, costs: Floats) -> Floats:
        """The evidence for conjunctions that hold for j failing and e passing cases."""
        n, k = self._n, self._k
        at_random = self._comb(n - j, k - j) - self._comb(n, k) + self._comb(j + e, j)
        return np.asarray(-at_random - costs)

    def _comb(self, n: Any, k: Any) -> Any:
        """log2 of n over k."""
        return self._factorials[n] - self._factorials[k] - self._factorials[n - k]
