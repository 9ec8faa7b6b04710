"""The judge lets pass what lies within the tolerance, in noise units and every other term, and not the next number."""

import math
from fractions import Fraction

import numpy as np
import pytest
from judging import ALLOWED, DTYPES, a_case, above, difference, golden_of, judged, kappa_of

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array
from conformance.verdict.compare import judge


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_golden_values_themselves_pass_without_noise(dtype):
    assert judged(a_case(dtype=dtype)) == Passed(0.0)


@pytest.mark.parametrize("tolerance", [16.0, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_error_of_exactly_the_tolerance_passes_and_the_next_number_fails(dtype, sign, tolerance):
    case = a_case(dtype=dtype, tolerance={"noise": tolerance})
    allowed = tolerance * UNIT_ROUNDOFF[dtype]  # the golden value there is 0, the largest of y and kappa are 1
    assert judged(case, y={(0, 0, 0): sign * allowed}) == Passed(tolerance)
    outcome = judged(case, y={(0, 0, 0): sign * above(allowed, dtype)})
    assert isinstance(outcome, Failed)
    assert tolerance < outcome.noise < tolerance * 1.01


@pytest.mark.parametrize("tensor", ["y", "h_n", "c_n", "logits"])
def test_one_wrong_element_of_any_output_fails_and_is_counted_in_that_output_alone(tensor):
    case = a_case(head={"O": 3})
    outcome = judged(case, **{tensor: {(-1, -1, -1): 0.3}})
    assert isinstance(outcome, Failed)
    assert [d.tensor for d in outcome.differences] == [tensor]
    assert f"1 of {math.prod(case.outputs[tensor])} elements differ" in difference(outcome, tensor)


@pytest.mark.parametrize(
    ("kappa", "largest", "unit"), [(1.0, 1.0, 1.0), (8.0, 1.0, 8.0), (0.0, 1.0, 1.0), (0.25, 4.0, 4.0)]
)
def test_a_noise_unit_is_the_larger_of_kappa_and_the_largest_golden_value(kappa, largest, unit):
    case = a_case()
    golden = {name: array * largest for name, array in golden_of(case).items()}
    allowed = ALLOWED * unit * 2.0**-24
    assert judged(case, golden=golden, kappa=kappa_of(case, kappa), y={(0, 0, 0): allowed}) == Passed(ALLOWED)
    outcome = judged(case, golden=golden, kappa=kappa_of(case, kappa), y={(0, 0, 0): above(allowed, "float32")})
    assert isinstance(outcome, Failed)


def test_kappa_is_each_elements_own():
    case = a_case()
    kappa = kappa_of(case)
    kappa["y"][0, 0, 0] = 64.0
    error = 64 * 2.0**-24
    assert isinstance(judged(case, kappa=kappa, y={(0, 0, 0): error}), Passed)
    assert isinstance(judged(case, kappa=kappa, y={(1, 0, 5 % 4): 5 / 8 + error}), Failed)


TERMS = [
    ({"absolute": 2.0**-10}, "float32", 0.0, 2.0**-10),
    ({"absolute": 2.0**-5}, "bfloat16", 0.0, 2.0**-5),
    ({"relative": 2.0**-10}, "float32", 0.5, 0.5 + 2.0**-11),
    ({"relative": 2.0**-4}, "float16", 0.5, 0.5 + 2.0**-5),
    ({"ulp": 3}, "float32", 1.0, 1 + 3 * 2.0**-23),
    ({"ulp": 3}, "float64", 1.0, 1 + 3 * 2.0**-52),
    ({"ulp": 3}, "float16", 1.0, 1 + 3 * 2.0**-10),
    ({"ulp": 3}, "bfloat16", 1.0, 1 + 3 * 2.0**-7),
    ({"ulp": 2}, "float32", 0.75, 0.75 + 2 * 2.0**-24),
    ({"ulp": 2}, "float32", 2.0**-140, 2.0**-140 + 2 * 2.0**-149),
    ({"ulp": 2}, "float32", 0.0, 2 * 2.0**-149),
    ({"ulp": 2}, "float16", 0.0, 2 * 2.0**-24),
    ({"absolute": 2.0**-8, "relative": 2.0**-9}, "float32", 0.5, 0.5 + 2.0**-8 + 2.0**-10),
]


@pytest.mark.parametrize(("terms", "dtype", "golden", "last_right"), TERMS)
def test_each_term_of_a_tolerance_alone_allows_that_much_and_no_more(terms, dtype, golden, last_right):
    case = a_case(dtype=dtype, tolerance={"noise": None} | terms)
    goldens = golden_of(case)
    goldens["y"][1, 1, 1] = golden
    assert isinstance(judged(case, golden=goldens, y={(1, 1, 1): last_right}), Passed)
    outcome = judged(case, golden=goldens, y={(1, 1, 1): above(last_right, dtype)})
    assert "1 of 24 elements differ" in difference(outcome, "y")


def test_without_a_noise_term_noise_excuses_nothing():
    case = a_case(tolerance={"noise": None, "relative": 1e-30})
    assert isinstance(judged(case, y={(0, 0, 0): 2.0**-30}), Failed)


def test_the_largest_term_of_a_tolerance_counts():
    case = a_case(tolerance={"noise": 16, "absolute": 2.0**-10})
    assert isinstance(judged(case, y={(0, 0, 0): 2.0**-10}), Passed)
    assert isinstance(judged(case, y={(0, 0, 0): above(2.0**-10, "float32")}), Failed)
    case = a_case(tolerance={"noise": 16, "absolute": 2.0**-40})
    assert isinstance(judged(case, y={(0, 0, 0): 2.0**-20}), Passed)


@pytest.mark.parametrize("precision", ["tf32", "float16", "bfloat16"])
def test_a_lower_declared_precision_widens_the_unit_roundoff_to_its_own_and_no_further(precision):
    case = a_case(dtype="float32")
    most = NOISE_ALLOWED[precision]
    allowed = most * UNIT_ROUNDOFF[precision]
    assert isinstance(judged(case, y={(0, 0, 0): allowed}), Failed)
    assert judged(case, precision=precision, y={(0, 0, 0): allowed}) == Passed(most)
    assert isinstance(judged(case, precision=precision, y={(0, 0, 0): above(allowed, "float32")}), Failed)


def test_where_golden_values_and_kappa_are_zero_only_zero_will_do():
    case = a_case()
    golden, kappa = golden_of(case), kappa_of(case)
    golden["h_n"][:], kappa["h_n"][:] = 0.0, 0.0
    assert judged(case, golden=golden, kappa=kappa) == Passed(0.0)
    outcome = judged(case, golden=golden, kappa=kappa, h_n={(0, 0, 0): 2.0**-149})
    assert "noise inf, allowed 11" in difference(outcome, "h_n")
    tolerant = a_case(tolerance={"absolute": 1e-9})
    assert isinstance(judged(tolerant, golden=golden, kappa=kappa, h_n={(0, 0, 0): 1e-9}), Passed)


def exact_noise(got: Array, golden: Array, kappa: Array, u: float) -> list[Fraction]:
    """The definition, in exact arithmetic."""
    largest = max(abs(Fraction(float(v))) for v in golden.flat)
    pairs = zip(got.flat, golden.flat, kappa.flat, strict=True)
    return [
        abs(Fraction(float(a)) - Fraction(float(b))) / (Fraction(u) * max(Fraction(float(k)), largest))
        for a, b, k in pairs
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_judge_agrees_with_the_definition_in_exact_arithmetic(dtype):
    case = a_case(dtype=dtype, T=5, B=4, H=6)
    rng = np.random.default_rng(0)
    golden = {name: rng.normal(size=shape) for name, shape in case.outputs.items()}
    kappa = {name: 2.0 ** rng.integers(-3, 6, shape) for name, shape in case.outputs.items()}
    u = UNIT_ROUNDOFF[dtype]
    outputs = {
        name: (array + rng.normal(size=array.shape) * 20 * u * kappa[name]).astype(case.np_dtype)
        for name, array in golden.items()
    }
    outcome = judge(case, outputs, golden, kappa, precision=dtype)
    worst = Fraction(0)
    for name, array in golden.items():
        noises = exact_noise(outputs[name], array, kappa[name], u)
        wrong = sum(noise > NOISE_ALLOWED[dtype] for noise in noises)
        assert 0 < wrong < len(noises)
        assert difference(outcome, name).startswith(f"{wrong} of {len(noises)} elements differ")
        worst = max(worst, *noises)
    assert isinstance(outcome, Failed)
    assert outcome.noise == pytest.approx(float(worst), rel=1e-9)
