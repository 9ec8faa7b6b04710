"""Each relation holds for the reference, and one that is broken is noticed."""

from collections import Counter

import numpy as np
import pytest
from fuzzing import drawer

from conformance.case.model import Case
from conformance.fuzz.relations import RELATIONS, worst
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes import BY_ID


def answered(case: Case, arrays, mistake: str | None = None):
    if mistake is not None:
        return BY_ID[mistake].outputs(case, arrays)
    with np.errstate(all="ignore"):
        return reference_of(case).run(arrays)


def test_every_relation_holds_for_the_reference() -> None:
    """In float64, where rounding is far below what is allowed of float32."""
    draw, tried = drawer(), Counter()
    for number in range(150):
        question = draw.layer(number)[1][0]
        arrays = question.arrays.in_dtype(np.float64)
        case = question.case.model_copy(update={"dtype": "float64"})
        for name, relation in RELATIONS.items():
            made = relation(case, arrays, np.random.default_rng(number))
            if made is None:
                continue
            variants, pairs = made
            found = pairs(answered(case, arrays), [answered(*variant) for variant in variants])
            apart = worst(found, "float32")
            assert apart <= 1.0 or name == "gradient-against-difference", f"{name}: {apart} {case.summary()}"
            tried[name] += 1
    assert tried.keys() == RELATIONS.keys() and min(tried.values()) > 2


BROKEN = {
    "rows-permuted": ({"B": 4}, "rows"),
    "cut-into-blocks": ({"T": 6}, "stream-c-not-carried"),
    "both-reversed": ({"direction": "reverse"}, "reverse-as-forward"),
    "gradient-against-difference": (
        {"dtype": "float64", "gradients": "whole", "bias": True},
        "gradient-of-final-state-ignored",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_breaks_a_relation(name: str) -> None:
    keys, mistake = BROKEN[name]
    case = Case.model_validate({"id": "fuzz/broken", "T": 5, "B": 2, "I": 3, "H": 4, "seed": 1} | keys)
    arrays = make_arrays(case)
    made = RELATIONS[name](case, arrays, np.random.default_rng(1))
    assert made is not None
    variants, pairs = made

    def wrong(asked: Case, given):
        if mistake != "rows":
            return answered(asked, given, mistake)
        outputs = answered(asked, given)
        return {n: a.copy() for n, a in outputs.items()} | {"y": np.maximum(outputs["y"], outputs["y"][:, :1])}

    assert worst(pairs(wrong(case, arrays), [wrong(*variant) for variant in variants]), case.dtype) > 1.0
