"""A mistake in a part of an axis is made exactly where the operation's own array has that part."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from conformance.case.model import Case
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes.grammar import sampled
from conformance.lstm.mistakes.grammar.localities import localities
from conformance.lstm.mistakes.grammar.sites import SITES, merged

SIZES = {
    "of the cell": {"H": 9, "P": 3, "I": 4},
    "of the output": {"H": 6, "P": 9, "I": 4},
    "of x": {"H": 6, "P": 3, "I": 9},
    "of both directions": {"H": 6, "P": 5, "I": 4, "direction": "bidirectional"},
    "of none": {"H": 6, "P": 3, "I": 4},
}
"""Sizes of which one reaches the border of 8, the last but one only where directions are joined."""
AXES = [(site.word, axis) for site in SITES.values() for axis in localities(site.axes) if axis in ("units", "columns")]
SHOWN = ("negated", "dropped", "doubled")


@pytest.mark.parametrize(("site", "axis"), AXES)
def test_it_applies_where_an_array_has_the_part(site: str, axis: str) -> None:
    fault = next(word for word in SHOWN if word in SITES[site].faults)
    mistake = sampled(f"{site}:{fault}:{axis}-from-8:always")
    applies, differs = set(), set()
    for name, sizes in SIZES.items():
        plain = {"id": "test/case", "seed": 5, "T": 4, "B": 3, "gate_clip": None, "projection_bias": True}
        keys = merged(plain | sizes, SITES[site].keys({"T": 4, "B": 3, "I": sizes["I"], "H": sizes["H"], "O": 4}))
        try:
            case = Case.model_validate(keys | sizes)
        except ValidationError:  # not every operation goes together with a projection, or with two directions
            case = Case.model_validate(keys | sizes | {"P": None, "projection_bias": False, "direction": "forward"})
        arrays = make_arrays(case).in_dtype(np.float64)
        wrong, right = mistake.mistake.outputs(case, arrays), reference_of(case).run(arrays)
        applies |= {name} if mistake.applies(case) else set()
        differs |= (
            {name} if any(not np.allclose(wrong[n], right[n], 1e-12, 1e-12, equal_nan=True) for n in right) else set()
        )
    assert applies == differs
    assert applies
