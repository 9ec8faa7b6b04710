"""How surely a case shows a mistake: the entries of the table of catches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs
from conformance.golden.power import effects
from conformance.golden.vector import Vector
from conformance.lstm.mistakes import Mistake
from conformance.verdict.noise import allowed, error, times, within_range

CAUGHT, SURELY, PLAINLY = 1, 2, 3
"""The levels; 0 is that the case does not show the mistake, or that it was not tried.

CAUGHT: the mistake's error is larger than the case allows, so that a computation in float64 that makes it fails.
SURELY: it is larger than twice that, so that honest rounding, which is within what is allowed, cannot hide it.
PLAINLY: some element is wrong by an eighth of the largest of its tensor, where every contract specifies it; a format
of integers or of 8 bits shows it, too.
"""
_PLAIN = 0.125


def levels(case: Case, vector: Vector, mistakes: Iterable[Mistake]) -> dict[str, int]:
    """The level of each of these mistakes that applies to a case and that it shows, by id."""
    exact = vector.arrays.in_dtype(np.float64)
    judges = [_Judge(case, name, want, vector.kappa[name]) for name, want in vector.golden.items()]
    found: dict[str, int] = {}
    for mistake in mistakes:
        if not mistake.applies(case):
            continue
        if mistake.systematic:  # its largest error is within the tolerance, and its mean is not
            (effect,) = effects(case, vector.arrays, vector.golden, vector.kappa, [mistake]).values()
            level = CAUGHT if effect.caught else 0
        else:
            outputs = mistake.outputs(case, exact)
            with np.errstate(all="ignore"):
                level = max(_levels(judges, outputs), default=0)
        if level:
            found[mistake.id] = level
    return found


def _levels(judges: Iterable[_Judge], outputs: Outputs) -> Iterator[int]:
    for judge in judges:
        yield judge.level(outputs[judge.name])


@dataclass
class _Judge:
    """One output of a case: what is allowed of each element, and where every contract specifies it."""

    case: Case
    name: str
    want: Array
    kappa: Array

    def __post_init__(self) -> None:
        case = self.case
        self._allowed = allowed(self.want, self.kappa, case.tolerance, case.dtype, case.np_dtype)
        self._largest = np.max(np.abs(self.want[np.isfinite(self.want)]), initial=0.0)
        self._specified = _specified(case, self.name, self.want)

    def level(self, got: Array) -> int:
        if got.shape != self.want.shape:
            return PLAINLY
        errors = error(within_range(got, self.case.np_dtype), self.want)
        most = np.max(times(errors, self._allowed), initial=0.0)
        if not most > 1.0:
            return 0
        if np.max(errors[self._specified], initial=0.0) > _PLAIN * self._largest:
            return PLAINLY
        return SURELY if most > 2.0 else CAUGHT


def _specified(case: Case, name: str, want: Array) -> Array:
    """Which elements of an output every contract specifies.

    Not those at steps that a row leaves out, nor its states where it leaves out all steps of the last call.
    """
    every = np.ones(want.shape, dtype=bool)
    if not case.masked:
        return every
    last = case.block_steps[-1]
    for row in range(case.B):
        taken = case.valid_steps(row)
        if name in ("y", "logits", "probabilities"):
            every[[t for t in range(case.T) if t not in taken], row] = False
        elif name in ("h_n", "c_n") and not any(t in range(case.T)[last] for t in taken):
            every[:, row] = False
    return every
