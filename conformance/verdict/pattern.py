"""The pattern of the wrong indices of an axis: one description for units, rows, steps, columns and all other axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.case.tensors import Array
from conformance.case.where import Kind, Pattern

WIDTHS = (4, 8, 16, 32, 64, 128)
"""The widths of vectors and tiles that a loop over units, rows or columns may be written for."""
_LISTED = 6
"""Most indices of a pattern without a rule that are listed."""


def pattern_of(wrong: Array, judged: Array | None = None) -> Pattern | None:
    """The pattern of the wrong indices; None if no index is wrong.

    Args:
        wrong: (n,) bool, for each index of the axis whether anything is wrong there.
        judged: (n,) bool, the indices at which something could be seen; all if None. The others are left out of
            account: if every index that could be seen is wrong, all are.
    """
    seen = np.ones_like(wrong) if judged is None else judged | wrong
    indices = [int(index) for index in np.flatnonzero(wrong)]
    if not indices:
        return None
    n, first, last = len(wrong), indices[0], indices[-1]
    right = [int(index) for index in np.flatnonzero(seen & ~wrong)]
    kind, every, shown = _rule(indices, right, seen)
    moduli = tuple(w for w in WIDTHS if w < n and n % w and first == n - n % w) if kind in ("from", "last") else ()
    return Pattern(kind, n, first, last, len(indices), every, moduli, shown)


def _rule(indices: Sequence[int], right: Sequence[int], seen: Array) -> tuple[Kind, int, tuple[int, ...]]:
    """The kind, the distance of a periodic pattern, and the indices that are listed."""
    first, last, n = indices[0], indices[-1], len(seen)
    if not right:
        return "all", 1, ()
    if last < right[0] or first > right[-1] or not any(first < index < last for index in right):
        if first == last:
            ends: dict[int, Kind] = {n - 1: "last", 0: "first"}
            return ends.get(first, "one"), 1, ()
        return ("from" if first > right[-1] else "range"), 1, ()
    every = indices[1] - first
    if every > 1 and _periodic(indices, every, seen):
        parity: Kind = "even" if first == 0 else "odd"
        return (parity, 2, ()) if every == 2 and first < 2 else ("every", every, ())
    if len(right) == 1:
        return "all but", 1, (right[0],)
    return "some", 1, tuple(indices[:_LISTED])


def _periodic(indices: Sequence[int], every: int, seen: Array) -> bool:
    """Whether the indices are all those at a distance of `every` from the first one on, enough of them to be a rule.

    Two are enough only at the distance of a vector's width, and if they are where such a rule begins.
    """
    first = indices[0]
    whole = list(indices) == [index for index in range(first, len(seen), every) if seen[index]]
    return whole and (len(indices) > 2 or (every in (2, *WIDTHS) and first in (0, every - 1) and len(seen) > 3))


_PLAINEST_FIRST: tuple[Kind, ...] = (
    "all", "first", "last", "from", "one", "range", "even", "odd", "every", "all but", "some",
)  # fmt: skip


def axis(noun: str, wrong: Array, judged: Array | None = None) -> dict[str, Pattern]:
    """The pattern of an axis under its noun, for `Where.axes`; empty if no index is wrong."""
    pattern = pattern_of(wrong, judged)
    return {} if pattern is None else {noun: pattern}


def along(wrong: Array, *axes: int) -> Array:
    """Whether anything is wrong at each index of these axes: their shape."""
    found: Array = np.any(wrong, axis=tuple(n for n in range(wrong.ndim) if n not in axes))
    return found


def plainer(one: dict[str, Pattern], other: dict[str, Pattern]) -> dict[str, Pattern]:
    """Of two ways to count the indices of an axis, the one with the plainer pattern; the first if both are alike."""
    return min(one, other, key=lambda axes: [_PLAINEST_FIRST.index(pattern.kind) for pattern in axes.values()])
