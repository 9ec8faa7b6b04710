"""The test for systematic error: a bias of one unit in every operation fails, and nothing that is honest does."""

import numpy as np
import pytest
from harness import shipped_cases, shipped_vectors

from conformance.case.dtypes import BIAS_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.options import Tolerance
from conformance.case.outcomes import Failed, Passed
from conformance.case.products import shared_errors
from conformance.case.tensors import Outputs, to_bytes
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa as kappa_of
from conformance.lstm.mistakes import BY_ID
from conformance.run.assess import assess
from conformance.run.messages import Computed
from conformance.verdict.bias import CHANCE, FEWEST, FEWEST_UNITS, OUTLIER, bias, bias_of
from conformance.verdict.compare import judge

F32 = np.dtype(np.float32)
U = UNIT_ROUNDOFF["float32"]


def truncated(case: Case) -> Outputs:
    """The answer of an engine that rounds every operation toward zero."""
    arrays = shipped_vectors().load(case).arrays.in_dtype(np.float64)
    return {n: a.astype(case.np_dtype) for n, a in BY_ID["rounds-toward-zero"].outputs(case, arrays).items()}


def judged(case: Case, outputs: Outputs) -> Passed | Failed:
    vector = shipped_vectors().load(case)
    return judge(case, outputs, vector.golden, vector.kappa, precision=case.dtype)


@pytest.mark.parametrize(
    "case_id", ["reference-card/event-by-event", "stack/half-forward-f16", "stack/half-bidirectional-bf16"]
)
def test_rounding_toward_zero_is_found_where_the_largest_error_is_within_the_tolerance(case_id):
    case = shipped_cases()[case_id]
    outcome = judged(case, truncated(case))
    assert isinstance(outcome, Failed)
    assert outcome.noise < case.tolerance.terms(case.dtype)["noise"]
    assert outcome.bias > BIAS_ALLOWED[case.dtype]
    assert all(difference.within_tolerance for difference in outcome.differences)
    assert "toward zero" in outcome.differences[0].problem


def test_rounding_toward_zero_is_found_in_products_whose_elements_share_errors():
    for case_id, name in (("projection/half-f16", "y"), ("reference-card/event-by-event", "logits")):
        case = shipped_cases()[case_id]
        assert shared_errors(case, name) == "rows"
        problems = {d.tensor: d.problem for d in judged(case, truncated(case)).differences}
        assert "toward zero" in problems[name]


def test_matrix_products_are_known_by_their_tensors():
    keys = {"id": "bias/products", "seed": 1, "T": 2, "B": 2, "I": 3, "H": 4, "gradients": "whole", "peephole": True}
    case = Case.model_validate(keys | {"head": {"O": 3, "softmax": True, "cross_entropy": True}})
    assert {name.removesuffix(".0") for name in case.outputs if shared_errors(case, name) is None} == {
        *("y", "h_n", "c_n", "loss", "d_c0", "d_b_w", "d_b_r", "d_peephole", "d_b_y")
    }
    rows = {name for name in case.outputs if shared_errors(case, name) == "rows"}
    assert rows == {"logits", "probabilities", "d_x", "d_h0"}
    projected = case.model_copy(update={"P": 2})
    assert {shared_errors(projected, name) for name in ("y", "h_n")} == {"rows"}
    assert shared_errors(projected, "d_projection.0") == "rows and columns"
    clipped = {"gate_clip": {"bound": 0.75, "reading": "all"}, "gradients": None, "peephole": True}
    assert shared_errors(Case.model_validate(keys | clipped), "y") == "columns"
    assert shared_errors(Case.model_validate(keys | clipped | {"P": 2}), "y") == "rows and columns"
    assert shared_errors(Case.model_validate(keys | clipped | {"P": 2}), "c_n") == "columns"


FEW_PRODUCTS = {
    "one-step": {"T": 1, "B": 1, "I": 13, "H": 11},
    "clipped": {"T": 1, "B": 5, "I": 9, "H": 6, "P": 17, "projection_clip": 0.25, "layer_norm": "nnapi", "bias": False},
    "one-unit": {"T": 4, "B": 3, "I": 12, "H": 1, "P": 19, "direction": "bidirectional"},
    "clipped-gates": {"T": 8, "B": 33, "I": 1, "H": 1, "gate_clip": {"bound": 0.75, "reading": "all"}},
    "head": {"T": 2, "B": 1, "I": 3, "H": 2, "head": {"O": 29, "softmax": True, "cross_entropy": True}},
}


@pytest.mark.slow
@pytest.mark.parametrize("keys", FEW_PRODUCTS.values(), ids=FEW_PRODUCTS)
def test_an_honest_answer_is_not_biased_where_elements_are_products_that_share_a_factor(keys):
    scores = []
    for seed in range(4):
        case = Case.model_validate({"id": f"bias/few-products-{seed}", "seed": seed, "gradients": "whole"} | keys)
        arrays = make_arrays(case)
        golden, honest = (reference_of(case).run(given) for given in (arrays.in_dtype(np.float64), arrays))
        kappa = kappa_of(case, arrays)
        outcome = judge(case, honest, golden, kappa, precision="float32")
        assert isinstance(outcome, Passed), outcome
        for name, want in golden.items():
            if shared := shared_errors(case, name):
                found = bias(honest[name], want, kappa[name], "float32", F32, shared)
                scores += [found.mean / found.deviation] if found else []
    assert len(scores) > 10
    assert np.sqrt(np.mean(np.square(scores))) < 1.3  # the larger of two normal numbers has sqrt(1 + 2 / pi) = 1.28


def outer(products: int, shared):
    """The bias of matrices (60, 80) that are sums of so many products, where each row has the errors of its factor."""
    generator = np.random.default_rng(products)
    dz, x = generator.normal(size=(60, products)), generator.normal(size=(products, 80))
    error = generator.normal(size=dz.shape)
    golden, scale = dz @ x, np.sqrt((x**2).sum(axis=0)) * np.ones((60, 1))
    return bias(golden + U * error @ x, golden, scale, "float32", F32, shared)


def test_elements_that_share_all_errors_are_as_uncertain_as_one():
    generator = np.random.default_rng(0)
    golden = np.outer(generator.uniform(1.0, 2.0, 60), generator.uniform(1.0, 3.0, 80))
    args = (golden * (1 + U), golden, np.ones(golden.shape), "float32", F32)
    assert bias(*args).deviation == pytest.approx(1 / np.sqrt(4800), rel=0.05)
    assert bias(*args, "rows").deviation == pytest.approx(np.sqrt(1 / 60), rel=0.05)
    assert bias(*args, "rows and columns").deviation == pytest.approx(np.sqrt(1 / 60 + 1 / 80), rel=0.05)
    one_row = (args[0][:1], golden[:1], np.ones((1, 80)), "float32", F32, "rows")
    assert bias(*one_row).deviation > 1.0


@pytest.mark.parametrize("products", [1, 2, 4, 16])
def test_the_more_products_the_less_errors_are_shared(products):
    alone, rows = outer(products, None), outer(products, "rows")
    of_rows = rows.deviation**2 - alone.deviation**2
    assert of_rows * 60 * products == pytest.approx(1.0, rel=0.4)
    assert abs(rows.mean) < CHANCE * rows.deviation


GOLDEN = np.linspace(-1.0, 1.0, 100)
KAPPA = np.ones(100)


def biased(errors, golden=GOLDEN, kappa=KAPPA):
    """The bias of float64 answers with these errors, in kappa, which float32 could not hold."""
    return bias(golden + U * errors * kappa, golden, kappa, "float32", F32)


def test_the_mean_is_in_kappa_and_its_deviation_that_of_independent_errors():
    found = biased(np.full(100, -2.0))
    assert (found.mean, found.deviation, found.values, found.outward) == (pytest.approx(-2.0), 0.1, 100, False)
    assert found.beyond_chance == pytest.approx(2.0 - CHANCE * 0.1)
    assert found.problem("float32") == (
        "biased: the mean error of 100 values is 2 kappa downward, 20 standard deviations; "
        "allowed 1.5 kappa and 4 standard deviations"
    )
    assert biased(np.full(100, 2.0)).problem("float32").startswith("biased: the mean error of 100 values is 2 kappa up")


def test_an_error_toward_zero_has_a_mean_of_its_own():
    found = biased(-np.sign(GOLDEN))
    assert (found.mean, found.outward) == (pytest.approx(-1.0), True)
    assert "1 kappa toward zero" in found.problem("float32")
    assert "1 kappa away from zero" in biased(np.sign(GOLDEN)).problem("float32")


def test_each_error_counts_by_its_kappa():
    kappa = np.where(GOLDEN < 0, 3.0, 1.0)
    found = biased(np.where(GOLDEN < 0, 1.0, -1.0), kappa=kappa)
    assert found.mean == pytest.approx(-1.0)  # toward zero
    assert found.deviation == pytest.approx(np.sqrt(50 * 10.0) / 200)


def test_errors_that_cancel_and_errors_of_chance_are_no_bias():
    assert biased(np.where(np.arange(100) % 2, 3.0, -3.0)).beyond_chance == 0.0
    generator = np.random.default_rng(0)
    drawn = [biased(generator.normal(size=100)) for _ in range(1000)]
    assert max(found.beyond_chance for found in drawn) < 0.1


def test_one_error_does_not_decide():
    errors = np.zeros(100)
    errors[3] = 1e4
    assert abs(biased(errors).mean) == pytest.approx(OUTLIER / 100)


def test_equal_golden_values_count_once():
    golden = np.repeat(GOLDEN[:10], 10)
    found = biased(np.full(100, -1.0), golden)
    assert (found.values, found.deviation) == (10, pytest.approx(1 / np.sqrt(10)))
    near = golden * (1 + 1e-12 * np.arange(100))  # a state that has settled comes nearer and nearer in float64
    assert biased(np.full(100, -1.0), near).values == 10


def test_values_that_are_not_finite_or_not_rounded_do_not_count():
    golden, kappa = GOLDEN.copy(), KAPPA.copy()
    golden[0], golden[1], kappa[2] = np.nan, np.inf, 0.0
    assert bias(golden, golden, kappa, "float32", F32).values == 97


def test_too_few_values_have_no_bias():
    few = np.linspace(0.1, 1.0, FEWEST - 1)
    assert bias(few + 1e-6, few, np.ones(FEWEST - 1), "float32", F32) is None
    assert bias(np.ones(50), np.ones(50), np.ones(50), "float32", F32) is None


@pytest.mark.parametrize(("units", "found"), [(FEWEST_UNITS - 1, False), (FEWEST_UNITS, True)])
def test_one_rounding_of_each_bias_decides_the_mean_of_few_units(units, found):
    case = Case.model_validate({"id": "a/b", "T": 30, "B": 2, "I": 3, "H": units, "seed": 1})
    golden = np.linspace(0.1, 0.9, 60 * units).reshape(30, 2, units)
    wrong, kappa = golden * (1 + 4 * U), np.full(golden.shape, 0.5)
    assert (bias_of(case, "y", wrong, golden, kappa, "float32") is not None) == found
    assert bias_of(case, "d_W.0", wrong, golden, kappa, "float32") is not None


def test_a_case_that_allows_larger_errors_allows_their_mean():
    case = shipped_cases()["stack/half-forward-f16"]
    outputs = truncated(case)
    for tolerance in (Tolerance(ulp=1), Tolerance(noise=9.0), Tolerance(noise=None, relative=1.0)):
        outcome = judged(case.model_copy(update={"tolerance": tolerance}), outputs)
        assert isinstance(outcome, Passed)
        assert outcome.bias == 0.0
    assert isinstance(judged(case.model_copy(update={"tolerance": Tolerance(noise=7.0)}), outputs), Failed)


def test_a_bias_alone_is_not_put_down_to_the_mistakes_whose_effect_is_as_small():
    case = shipped_cases()["stack/half-forward-f16"]
    answer = Computed(to_bytes(truncated(case)), {}, case.dtype, "zeros", "initial", 0.0)
    outcome = assess(case, shipped_vectors().load(case), answer, ()).outcome
    assert isinstance(outcome, Failed)
    assert outcome.suspects is None
