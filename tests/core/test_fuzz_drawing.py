"""What is drawn: the same for the same seed and number, valid, within capabilities, and not always the same."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fuzzing import drawer

from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.fuzz.drawing import LARGEST, QUESTIONS, Drawer
from conformance.fuzz.questions import single, together
from conformance.golden.vector import tensors_of

LAYERS = 60


@pytest.fixture(scope="module")
def drawn() -> Drawer:
    return drawer()


@pytest.fixture(scope="module")
def layers(drawn: Drawer) -> list:
    return [drawn.layer(number) for number in range(LAYERS)]


def test_a_layer_is_the_same_whatever_was_drawn_before(layers: list) -> None:
    weights, questions = drawer().layer(LAYERS - 1)
    for one, other in zip(questions, layers[-1][1], strict=True):
        assert one.case == other.case and one.number == other.number
        assert {n: a.tobytes() for n, a in one.arrays.flat.items()} == {
            n: a.tobytes() for n, a in other.arrays.flat.items()
        }
    assert weights.flat.keys() == layers[-1][0].flat.keys()


def test_another_seed_draws_other_cases(layers: list) -> None:
    others = drawer(seed=2)
    assert any(others.layer(n)[1][0].case.summary() != layers[n][1][0].case.summary() for n in range(3))


def test_every_case_is_valid_and_has_the_arrays_it_needs(layers: list) -> None:
    for _, questions in layers:
        assert len(questions) == QUESTIONS
        for each in questions:
            Case.model_validate(each.case.model_dump())
            wanted = {n: t for n, t in tensors_of(each.case).items() if not n.startswith("golden.")}
            assert {n: (a.dtype, a.shape) for n, a in each.arrays.flat.items()} == wanted


def test_numbers_are_those_of_cases(layers: list) -> None:
    numbers = [each.number for _, questions in layers for each in questions]
    assert numbers == list(range(LAYERS * QUESTIONS))


def test_options_are_crossed_and_sizes_bounded(layers: list) -> None:
    cases = [questions[0].case for _, questions in layers]
    assert max(max(case.T, case.B, case.I, case.H) for case in cases) <= LARGEST
    assert {case.direction for case in cases} == {"forward", "reverse", "bidirectional"}
    used = Counter(
        name for case in cases for name in ("lengths", "peephole", "gate_clip", "coupling", "P", "head", "blocks")
        if getattr(case, name) not in (None, False)
    )  # fmt: skip
    assert all(used[name] for name in ("lengths", "peephole", "gate_clip", "coupling", "P", "head"))
    assert any(case.poison for _, questions in layers for case in (each.case for each in questions))


def test_nothing_is_drawn_that_an_interface_refuses() -> None:
    plain = Capabilities(lengths="common", min_length=1, max_layers=1)
    for _, questions in (drawer(plain).layer(number) for number in range(6)):
        assert all(plain.refusal(each.case) is None for each in questions)


def test_who_accepts_nothing_is_told() -> None:
    nothing = replace(Capabilities(), dtypes=frozenset())
    with pytest.raises(LookupError, match="conformance smoke"):
        drawer(nothing).layer(0)


def test_questions_together_are_the_same_questions(layers: list) -> None:
    for weights, questions in layers:
        bundles = together(questions, weights)
        assert [each for bundle in bundles for each in bundle.questions] == questions
        for bundle in bundles:
            Case.model_validate(bundle.case.model_dump())
            for index, each in enumerate(bundle.questions):
                x = bundle.arrays.inputs.x[:, bundle.rows[index] : bundle.rows[index + 1]]
                assert np.array_equal(x, each.arrays.inputs.x, equal_nan=True)


def test_a_loss_is_asked_alone(layers: list) -> None:
    losses = [(weights, questions) for weights, questions in layers if questions[0].case.has_loss]
    assert losses
    for weights, questions in losses:
        assert [b.case for b in together(questions, weights)] == [single(each).case for each in questions]


def test_there_are_layers_for_small_numbers_and_for_nan(layers: list) -> None:
    """In which no bias hides what is small, and half of the questions have a NaN or an infinity."""

    def largest(weights: dict, name: str) -> float:
        return max((float(np.max(np.abs(a.astype(float)))) for n, a in weights.items() if name in n), default=0.0)

    quiet = [each for each in layers if largest(each[0].flat, "b_w") < 0.02 and each[1][0].case.bias]
    assert 1 < len(quiet) < LAYERS / 3
    poisoned = [sum(each.case.poison is not None for each in questions) for _, questions in layers]
    assert sum(count >= 3 for count in poisoned) > 1 and sum(count <= 1 for count in poisoned) > LAYERS / 2
