"""The quick test and the exact one: nothing wrong passes, and what is right by kappa is not called wrong."""

import numpy as np
import pytest
from fuzzing import drawer

from conformance.case.outcomes import Failed, Passed
from conformance.fuzz.judging import doubtful, exactly, reference, roughly
from conformance.fuzz.questions import Bundle, together
from conformance.lstm.gradients import reference_of
from conformance.verdict.contracts import DEFAULTS


@pytest.fixture(scope="module")
def bundles() -> list[Bundle]:
    """Bundles of several questions in float32."""
    draw = drawer()
    layers = (draw.layer(number) for number in range(80))
    found = [bundle for weights, questions in layers for bundle in together(questions, weights)]
    return [b for b in found if len(b.questions) > 1 and b.case.dtype == "float32" and not b.case.layer_norm][:12]


def in_float32(golden: dict) -> dict:
    with np.errstate(over="ignore"):
        return {n: a.astype(np.float32) for n, a in golden.items()}


def answered(bundle: Bundle) -> dict:
    with np.errstate(all="ignore"):
        return reference_of(bundle.case).run(bundle.arrays)


def test_right_answers_in_float32_are_right(bundles: list[Bundle]) -> None:
    for bundle in bundles:
        outputs, golden = answered(bundle), reference(bundle.case, bundle.arrays)
        for index in doubtful(bundle, outputs, golden, "float32", DEFAULTS):
            rough = roughly(bundle, [index])[index]
            own, right = bundle.outputs_of(index, outputs), bundle.outputs_of(index, golden)
            judged = exactly(bundle.questions[index], own, right, "float32", DEFAULTS, rough)
            assert (
                judged is None or isinstance(judged.outcome, Passed) or judged.outcome.differences[0].within_tolerance
            )


@pytest.mark.parametrize("name", ["y", "h_n", "c_n"])
def test_one_wrong_element_makes_one_question_doubtful_and_wrong(bundles: list[Bundle], name: str) -> None:
    tried = 0
    for bundle in bundles:
        golden = reference(bundle.case, bundle.arrays)
        outputs = in_float32(golden)
        clean = doubtful(bundle, outputs, golden, "float32", DEFAULTS)
        index = next((n for n in range(len(bundle.questions)) if n not in clean), None)
        right = None if index is None else bundle.outputs_of(index, golden)
        if index is None or not 1e-3 < np.max(np.abs(right[name]), initial=0.0) < 1e3:
            continue
        tried += 1
        own = bundle.outputs_of(index, outputs)
        own[name][(0,) * own[name].ndim] += np.float32(0.25 * np.max(np.abs(right[name])))  # a view of the outputs
        assert doubtful(bundle, outputs, golden, "float32", DEFAULTS) == sorted({*clean, index})
        judged = exactly(bundle.questions[index], own, right, "float32", DEFAULTS, roughly(bundle, [index])[index])
        assert judged is None or isinstance(judged.outcome, Failed)
    assert tried > 2


def test_a_nan_is_doubtful(bundles: list[Bundle]) -> None:
    bundle = bundles[0]
    golden = reference(bundle.case, bundle.arrays)
    outputs = in_float32(golden)
    clean = doubtful(bundle, outputs, golden, "float32", DEFAULTS)
    index = next(n for n in range(len(bundle.questions)) if n not in clean and bundle.questions[n].case.poison is None)
    bundle.outputs_of(index, outputs)["h_n"][...] = np.nan
    assert index in doubtful(bundle, outputs, golden, "float32", DEFAULTS)


def test_an_answer_without_its_form_is_doubtful_throughout(bundles: list[Bundle]) -> None:
    bundle = bundles[0]
    golden = reference(bundle.case, bundle.arrays)
    outputs = {n: a for n, a in in_float32(golden).items() if n != "c_n"}
    assert doubtful(bundle, outputs, golden, "float32", DEFAULTS) == list(range(len(bundle.questions)))
