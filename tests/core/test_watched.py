"""Mistakes that are compared with an answer as they are computed: most are left at once, none is left wrongly."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnosing import diagnosed, made, named, wrong
from harness import shipped_cases, shipped_vectors
from rich_cases import RICH, rich

from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import Vector
from conformance.lstm.cell import Cell
from conformance.lstm.cell_gradients import CellGradients
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.mistakes.base import keeps, kept
from conformance.lstm.mistakes.grammar import sampled
from conformance.lstm.reference import Reference
from conformance.verdict.answer import Answer
from conformance.verdict.reproduce import Trial
from conformance.verdict.right_scans import leaves_scans

PLAIN = [name for name in RICH if not name.startswith("gradients")]
KEEPING = [mistake for mistake in CATALOGUE if kept(mistake.variant)]


def rich_cases(mistake: Mistake) -> Iterator[Case]:
    for case in map(rich, PLAIN):
        if mistake.applies(case):
            yield case


def untrue(variant: type[Reference], case: Case) -> set[str]:
    """What a variant does not keep of `y` and `finals`: computed values that are not those of the answer."""
    steps: list[tuple[int, int, Array, Array]] = []
    finals: dict[int, Any] = {}

    class Seen(variant):  # type: ignore[misc, valid-type]
        begins: int = 0

        def observe(self, given, t, step):
            super().observe(given, t, step)
            if given.row // self.case.D == self.case.layers - 1:
                valid = np.ones(len(step.new.h), bool) if given.valid is None else given.valid[t]
                steps.append((given.direction, self.begins + t, valid, step.new.h))

        def layer(self, layer, x, weights, inputs):
            y, states = super().layer(layer, x, weights, inputs)
            finals.update({layer * self.case.D + d: state for d, state in enumerate(states)})
            return y, states

    plain = case.model_copy(update={"gradients": None, "head": None})
    with np.errstate(all="ignore"):
        outputs: Outputs = Seen(plain).run(make_arrays(case).in_dtype(np.float64))
    halves = np.split(outputs["y"], case.D, axis=-1)
    found = {
        "y": all(same(h[valid], halves[d][t][valid]) for d, t, valid, h in steps),
        "finals": all(
            same(state.h, outputs["h_n"][row]) and same(state.c, outputs["c_n"][row]) for row, state in finals.items()
        ),
    }
    return {name for name, true in found.items() if not true}


def same(one: Array, other: Array) -> bool:
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", KEEPING, ids=lambda mistake: mistake.id)
def test_what_a_mistake_is_said_to_keep_is_in_its_answer(mistake):
    for case in rich_cases(mistake):
        assert not untrue(mistake.variant, case) & kept(mistake.variant), case.id


def test_a_mistake_that_says_so_and_does_not_is_found_out():
    class Liar(Reference):
        @keeps("y", "finals")
        def joined(self, ys):
            return super().joined(ys)[::-1]

    assert untrue(Liar, rich("plain")) == {"y"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "mistake",
    [mistake for mistake in CATALOGUE if leaves_scans(mistake.variant) and not mistake.precision],
    ids=lambda mistake: mistake.id,
)
def test_with_the_right_scans_a_mistake_computes_the_same(mistake):
    for case in rich_cases(mistake):
        if case.dtype == "float16" or case.B == 0:
            continue
        trial = Trial(an_answer(case))
        with np.errstate(all="ignore"):
            alone = mistake.outputs(trial.case, trial.judged.exact)
        found = trial.computed(mistake.variant, budget=None)
        assert found is not None
        assert same(found, trial.row(alone)), case.id


def an_answer(case: Case) -> Answer:
    """A wrong answer: that without b_r, or without R h if there is no bias."""
    arrays = make_arrays(case)
    exact = arrays.in_dtype(np.float64)
    with np.errstate(all="ignore"):
        golden = reference_of(case).run(exact)
        wrong = BY_ID["recurrent-bias-ignored" if case.bias else "recurrent-part-ignored"].outputs(case, exact)
    outputs = {name: array.astype(case.np_dtype) for name, array in wrong.items()}
    return Answer(case, arrays, outputs, golden, {n: np.zeros(a.shape) for n, a in golden.items()}, case.dtype)


def failing(case_id: str, mistake: str) -> tuple[Case, Vector, Outputs]:
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = made(sampled(mistake).mistake.variant, case, vector)
    assert wrong(case, vector, outputs)
    return case, vector, outputs


@pytest.mark.parametrize("mistake", ["input-bias:negated:units-from-8:always", "forget-term:doubled:all:always"])
def test_most_mistakes_are_left_after_a_step_or_two(mistake, monkeypatch):
    case, vector, outputs = failing("sequence/longer-f32", mistake)
    steps = counted(monkeypatch, Cell, "step")
    diagnosed(case, vector, outputs)
    assert case.T == 40
    assert len(steps) < 1000  # some 90 mistakes; it was 7900 when those that handle y and states did not stop


@pytest.mark.parametrize("mistake", ["back-candidate:negated:all:always", "back-recurrent:stale:all:always"])
def test_most_mistakes_of_the_backward_pass_are_left_after_a_step_or_two(mistake, monkeypatch):
    case, vector, outputs = failing("gradients-far/steps-129", mistake)
    steps = counted(monkeypatch, CellGradients, "step_back")
    diagnosed(case, vector, outputs)
    assert len(steps) < 3 * case.T  # of 15 mistakes


def counted(monkeypatch: pytest.MonkeyPatch, kind: type, method: str) -> list[None]:
    """A list that grows with every call of a method."""
    calls: list[None] = []
    original = getattr(kind, method)

    def counting(self, *arguments):
        calls.append(None)
        return original(self, *arguments)

    monkeypatch.setattr(kind, method, counting)
    return calls


@pytest.mark.parametrize(
    ("one", "other", "case_id"),
    [
        # One of them does nothing at the place where the answer is first wrong.
        ("input-bias-ignored", "final-h-and-c-swapped", "gradients/holes-f64"),
        ("clip-on-cell-only", "sorted-final-states-not-restored", "gate-clip/reverse-lengths-gates"),
        # What is computed for a row that leaves the step out is no effect.
        ("layer-norm-unnormalised-cell-stored", "lengths-one-too-long", "layer-norm/basic-lengths-f32"),
        ("output-of-previous-cell", "clip-left-out-on-candidate", "gate-clip/small-all-forward-f64"),
    ],
)
def test_pairs_that_were_lost_among_mistakes_without_an_effect_are_named(one, other, case_id):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = made(type("Both", (BY_ID[one].variant, BY_ID[other].variant), {}), case, vector)
    assert named(diagnosed(case, vector, outputs), one, other)


def test_a_mistake_that_takes_the_steps_in_another_order_is_seen_where_the_answer_is_wrong():
    case = shipped_cases()["activations/per-direction-relu-tanh-f64"]
    vector = shipped_vectors().load(case)
    ids = "reverse-over-features", "second-direction-uses-first-activations"
    outputs = made(type("Both", tuple(BY_ID[each].variant for each in ids), {}), case, vector)
    assert named(diagnosed(case, vector, outputs), *ids)
