"""The quick test and the exact one: nothing wrong passes, and what is right by kappa is not called wrong."""

import numpy as np
import pytest
from fuzzing import drawer

from conformance.case.outcomes import Failed, Passed
from conformance.fuzz.judging import UNCLEAR, Judged, doubtful, exactly, reference, sampled, surely
from conformance.fuzz.questions import Bundle, together
from conformance.fuzz.rough import roughly, single_thread
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
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


def judgement(bundle: Bundle, index: int, own: dict, golden: dict) -> Judged | None:
    """That of one question, by the tests in their order."""
    question, right = bundle.questions[index], bundle.outputs_of(index, golden)
    found = surely(question, own, right, "float32", DEFAULTS, roughly(bundle, [index], golden).get(index))
    return exactly(question, own, right, "float32", DEFAULTS) if found is UNCLEAR else found


def test_right_answers_in_float32_are_right(bundles: list[Bundle]) -> None:
    for bundle in bundles:
        outputs, golden = answered(bundle), reference(bundle.case, bundle.arrays)
        for index in doubtful(bundle, outputs, golden, "float32", DEFAULTS):
            judged = judgement(bundle, index, bundle.outputs_of(index, outputs), golden)
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
        judged = judgement(bundle, index, own, golden)
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


@pytest.mark.slow
def test_what_float32_shows_of_kappa_is_near_it(bundles: list[Bundle]) -> None:
    """Where it is larger than the outputs are, so that it is what decides."""
    ratios = []
    for bundle in bundles:
        golden, everything = reference(bundle.case, bundle.arrays), range(len(bundle.questions))
        with np.errstate(all="ignore"):
            scale = kappa(bundle.case, bundle.arrays, 48)
        for index, rough in roughly(bundle, everything, golden).items():
            own, right = bundle.outputs_of(index, scale), bundle.outputs_of(index, golden)
            for name, array in rough.items():
                counted = np.isfinite(right[name]) & (own[name] > 0.3 * np.max(np.abs(right[name]), initial=0.0))
                ratios.append(array[counted] / own[name][counted])
    found = np.concatenate(ratios)
    assert found.size > 1000
    assert np.quantile(found, 0.999) < 3.0 and 0.4 < np.median(found) < 1.0


def test_kappa_of_several_questions_is_that_of_each(bundles: list[Bundle]) -> None:
    bundle = bundles[0]
    for index, found in zip((2, 5), sampled(bundle, [2, 5]), strict=True):
        question = bundle.questions[index]
        with np.errstate(all="ignore"):
            alone = kappa(question.case, question.arrays, 48)
        for name, array in alone.items():
            assert found[name].shape == array.shape
            assert np.median(found[name]) == pytest.approx(np.median(array), rel=0.5)


def test_an_answer_beside_the_border_is_left_to_samples(bundles: list[Bundle]) -> None:
    """An error of 20 kappa is right or wrong as the samples have it; one of 1000 kappa needs none."""
    tried = 0
    for bundle in bundles:
        golden = reference(bundle.case, bundle.arrays)
        for index, rough in roughly(bundle, range(len(bundle.questions)), golden).items():
            right = bundle.outputs_of(index, golden)
            scale = np.maximum(rough["y"] * 1.6, np.max(np.abs(right["y"]), initial=0.0))
            if not (scale > 0).all() or not 1e-3 < np.max(scale, initial=0.0) < 1e3:
                continue
            question, told = bundle.questions[index], {}
            for factor in (20.0, 1000.0):
                own = in_float32(right)
                own["y"] = (right["y"] + factor * 2.0**-24 * scale).astype(np.float32)
                told[factor] = surely(question, own, right, "float32", DEFAULTS, rough)
            if told[1000.0] is None or told[1000.0] is UNCLEAR or (rough["y"] < 0.2 * scale).any():
                continue
            assert told[20.0] is UNCLEAR and isinstance(told[1000.0].outcome, Failed)
            tried += 1
    assert tried


def test_blas_has_one_thread_where_its_errors_decide() -> None:
    from threadpoolctl import threadpool_info

    with single_thread():
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
