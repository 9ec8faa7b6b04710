"""What a wrong answer says of the layers below the top one, whose y it does not have."""

from __future__ import annotations

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.verdict.right_scans import RightScans
from conformance.verdict.watch import NEAR, Probe, Target

_ROUGHLY = 1e-3
"""The largest error, as a part of the largest value of a lower layer, that its top layer may well not show."""


def below(case: Case, probe: Probe | None, taken: Array, right: RightScans, precision: str) -> list[Target]:
    """What h of the lower layers seems to be, (T, B, P) for each layer and direction; empty if nothing is known of it.

    Where y is right, what it has been computed from is taken to be right as well, at least roughly: y of a stack in one
    direction, up to its first wrong step; y of one in both, if it is right as a whole. A top layer that hides what is
    below it, because it is saturated or nearly zero, costs a name, but never gives a false one.

    Args:
        probe: where the answer is first wrong. taken (T, B): the steps that count for a row. right: the right scans.
        precision: the format that the answer is judged in.
    """
    if case.layers == 1 or (probe is not None and (case.D > 1 or probe.step is None)):
        return []
    known = np.ones(case.T, dtype=bool)
    if probe is not None and probe.step is not None:
        known = np.arange(case.T) > probe.step if case.reverse(0) else np.arange(case.T) < probe.step
    if not known.any():
        return []
    roughly = max(_ROUGHLY, NEAR * NOISE_ALLOWED[precision] * UNIT_ROUNDOFF[precision])

    def target(y: Array) -> Target:
        near = np.where((known[:, None] & taken)[..., None], roughly * np.max(np.abs(y), initial=0.0), np.inf)
        return Target(y, near, near)

    return [target(right.scans[row][1][0]) for row in range((case.layers - 1) * case.D)]
