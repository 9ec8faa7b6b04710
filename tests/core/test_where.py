"""Where a wrong answer is wrong: told from its numbers alone, whatever the mistake is."""

import json
from typing import Any

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.tensors import Outputs
from conformance.case.where import Where
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import completed, reference_of
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.mistakes.grammar import sampled
from conformance.lstm.reference import Reference
from conformance.verdict.answer import Answer
from conformance.verdict.contracts import Contracts
from conformance.verdict.locate import locate

SIZES = {"T": 9, "B": 3, "I": 4, "H": 6}
LENGTHS: dict[str, Any] = {"B": 4, "lengths": [9, 4, 9, 6], "padding": 0.5}


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "test/where", "seed": 3} | SIZES | fields)


def located(case: Case, variant: type[Reference], change: Any = lambda outputs: None, **judged_by: Any) -> Where | None:
    """What is said of the answer of a wrong computation in the case's dtype, to which something may be done."""
    arrays = make_arrays(case)
    exact = arrays.in_dtype(np.float64)
    golden = reference_of(case).run(exact)
    with np.errstate(all="ignore"):
        outputs: Outputs = {n: a.astype(case.np_dtype) for n, a in completed(variant, case, exact).items()}
    change(outputs)
    kappa = {name: np.zeros(array.shape) for name, array in golden.items()}
    return locate(Answer(case, arrays, outputs, golden, kappa, case.dtype, **judged_by))


def words(keys: dict[str, Any], mistake: str) -> str:
    variant = sampled(mistake).mistake.variant if ":" in mistake else BY_ID[mistake].variant
    where = located(a_case(**keys), variant)
    assert where is not None
    return where.words()


@pytest.mark.parametrize(
    ("keys", "mistake", "said"),
    [
        (
            {"H": 15},
            "recurrent-bias:dropped:units-tail-4:always",
            "units 12 to 14 of 15 (the tail beyond a multiple of 4), in every row, at every step",
        ),
        ({"B": 10}, "input-term:negated:rows-from-8:always", "every unit, in rows 8 to 9 of 10 (the tail beyond"),
        ({}, "input-term:negated:steps-every-4:always", "every unit, in every row, at every 4th step from 3 on, of 9"),
        ({"T": 12}, "forget-term:doubled:steps-from-8:always", "at steps 8 to 11 of 12 (the tail beyond"),
        ({}, "initial-state-ignored", "every unit, in every row, at the first step of 9"),
        ({}, "input-bias-ignored", "every unit, in every row, at every step"),
        (
            {"layers": 2},
            "output-gate:doubled:layer-last:always",
            "layer 1 of 2 (the final states below are right), every unit",
        ),
        (
            {"layers": 3},
            "input-term:negated:layer-upper:always",
            "layer 1 of 3 (the final states below are right)",
        ),
        ({"layers": 2}, "input-bias-ignored", "layer 0 of 2, in every row, first at step 0; of layer 0 only the final"),
        (
            {"direction": "bidirectional"},
            "input-term:negated:direction-reverse:always",
            "only direction reverse, every",
        ),
        ({"direction": "reverse"}, "initial-state-ignored", "every unit, in every row, at the first scan step of 9"),
        (
            {"calls": [2, 3], "B": 5},
            "input-term:negated:calls-later:always",
            "in rows from 2 on, of 5, at every step; these are the rows of every call but the first",
        ),
        (
            {"blocks": [4, 3, 2]},
            "h-between-blocks:dropped:all:always",
            "at steps 4 and 7 of 9; each step is the first one of a later block",
        ),
        ({"blocks": [4, 5]}, "input-term:negated:blocks-later:always", "at steps from 4 on, of 9; it begins with the"),
        (
            LENGTHS,
            "padded-y-computed",
            "only steps that rows leave out, every column of h, in every row, at every step",
        ),
        (
            LENGTHS | {"direction": "reverse"},
            "padding-moves-state",
            "every unit, in the odd rows of 4, at the first scan step of 9; these are the rows that leave steps out",
        ),
        ({}, "final-h-and-c-swapped", "only h_n and c_n, every unit, in every row"),
        ({"layers": 2}, "final-c:negated:layer-last:always", "only c_n, layer 1 of 2, every unit, in every row"),
        (
            {"head": {"O": 6}},
            "head-bias:dropped:classes-tail-4:always",
            "only logits, classes 4 to 5 of 6 (the tail beyond a multiple of 4), in every row, at every step",
        ),
        (
            {"head": {"O": 3, "softmax": True}},
            "softmax:negated:all:always",
            "only probabilities, every class, in every",
        ),
        (
            {"gradients": "whole"},
            "grad-W:negated:gate-f:always",
            "only the gradients d_W.0, only gate f, every unit, every column of W",
        ),
        (
            {"gradients": "whole", "I": 6},
            "grad-W:negated:columns-tail-4:always",
            "every gate, every unit, columns of W 4 to 5 of 6 (the tail beyond a multiple of 4)",
        ),
        (
            {"gradients": "whole", "layers": 2},
            "grad-recurrent-bias:dropped:layer-last:always",
            "only the gradients d_b_r.1, layer 1 of 2, every gate, every unit",
        ),
        (
            {"gradients": "whole"},
            "back-input:negated:steps-first:always",
            "only the gradients d_x, in every row, at the",
        ),
    ],
)
def test_the_place_and_its_pattern_are_said(keys, mistake, said):
    assert said in words(keys, mistake)


@pytest.mark.parametrize(("mistake", "is_said"), [("output-gate-left-out", True), ("input-bias-ignored", False)])
def test_an_error_of_h_alone_is_that_of_the_output_gate(mistake, is_said):
    assert ("c is right: it is the output gate or what follows it" in words({}, mistake)) == is_said


def test_an_error_is_seen_where_it_is_made_and_not_where_it_spreads_to():
    case = a_case(H=12)
    where = located(case, sampled("input-bias:dropped:units-from-8:always").mistake.variant)
    assert where is not None
    assert where.axes["unit"].wrong == [8, 9, 10, 11]  # from the second step on, all 12 differ from the golden values


def test_a_single_wrong_number_is_one_place():
    def change(outputs: Outputs) -> None:
        outputs["y"][4, 1, 3] += 0.25

    where = located(a_case(), Reference, change)
    assert where is not None
    assert where.words() == "unit 3 of 6, in row 1 of 3, at step 4 of 9; the state is right: it is y as it is returned"


def test_with_a_projection_later_steps_cannot_be_judged_if_c_is_wrong():
    assert "first at step 0" in words({"P": 3}, "input-term:negated:all:always")
    assert words({"P": 3}, "projection-bias-ignored" if False else "output-gate-left-out").startswith(
        "every column of h"
    )


def test_of_small_errors_that_add_up_no_step_or_unit_is_said_to_be_wrong():
    class Drifting(Reference):
        """Loses a little of c at each step, less than is allowed."""

        def stored(self, c, weights):
            return super().stored(c, weights) * (1 - 1e-6)

    where = located(a_case(T=60, forget_bias=2.0), Drifting)
    assert where is not None
    assert not {"unit", "step"} & where.axes.keys()
    assert where.words().endswith("the error builds up, or is a matter of precision")


def test_what_is_not_a_number_is_located_like_other_errors():
    def change(outputs: Outputs) -> None:
        outputs["y"][5:, 2] = np.nan
        outputs["h_n"][:, 2] = np.nan

    where = located(a_case(), Reference, change)
    assert where is not None
    assert where.axes["row"].wrong == [2]
    assert where.axes["step"].first == 5


def test_a_right_answer_has_no_place():
    assert located(a_case(), Reference) is None


def test_what_is_not_promised_is_not_located():
    where = located(a_case(**LENGTHS), BY_ID["padded-y-computed"].variant, contracts=Contracts(padded_y="undefined"))
    assert where is None


def test_the_place_can_be_written_as_json():
    where = located(a_case(H=15), sampled("recurrent-bias:dropped:units-tail-4:always").mistake.variant)
    assert where is not None
    data = json.loads(json.dumps(where.as_data()))
    assert data["stage"] == "step"
    assert (
        data["axes"]["unit"] | {"kind": "from", "first": 12, "last": 14, "of": 15, "moduli": [4]}
        == data["axes"]["unit"]
    )
    assert data["words"] == where.words()
