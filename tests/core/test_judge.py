"""The judge: every way in which an answer can be wrong fails, by one step, and is said in words; nothing else does."""

import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF, numpy_dtype
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Outputs
from conformance.results.result import Result
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts

DTYPES = ["float32", "float64", "float16", "bfloat16"]
INFINITY = float("inf")
ALLOWED = NOISE_ALLOWED["float32"]


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "judge/case", "T": 3, "B": 2, "I": 2, "H": 4, **fields})


def golden_of(case: Case) -> Outputs:
    """Numbers that every dtype holds exactly; the largest of each tensor is 1, and y[0, 0, 0] is 0."""
    golden = {}
    for name, shape in case.outputs.items():
        count = math.prod(shape)
        golden[name] = (np.arange(count) % 9 / 8).reshape(shape)
    return golden


def kappa_of(case: Case, value: float = 1.0) -> Outputs:
    return {name: np.full(shape, value) for name, shape in case.outputs.items()}


def answer(case: Case, golden: Outputs, **changes: Any) -> dict[str, Any]:
    """The golden values in the case's dtype; a change is y = {(t, b, j): value} or a whole replacement."""
    outputs: dict[str, Any] = {name: array.astype(case.np_dtype) for name, array in golden.items()}
    for name, change in changes.items():
        if isinstance(change, dict):
            for index, value in change.items():
                outputs[name][index] = value
        else:
            outputs[name] = change
    return outputs


def judged(case: Case, *, golden: Outputs | None = None, kappa: Outputs | None = None, precision: str | None = None,
           padded_y: str = "zeros", **changes: Any) -> Passed | Failed:  # fmt: skip
    golden = golden_of(case) if golden is None else golden
    kappa = kappa_of(case) if kappa is None else kappa
    outputs = answer(case, golden, **changes)
    contracts = Contracts(padded_y=padded_y)
    return judge(case, outputs, golden, kappa, precision=precision or case.dtype, contracts=contracts)


def above(value: float, dtype: str) -> Any:
    """The next larger number of a dtype, and the value itself in that dtype."""
    exact = np.array(value, numpy_dtype(dtype))
    assert float(exact) == value
    return np.nextafter(exact, np.array(INFINITY, numpy_dtype(dtype)))


def difference(outcome: Passed | Failed, tensor: str) -> str:
    assert isinstance(outcome, Failed)
    return next(d.problem for d in outcome.differences if d.tensor == tensor)


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


@pytest.mark.parametrize(
    ("golden", "got", "passes"),
    [
        (math.nan, math.nan, True),
        (INFINITY, INFINITY, True),
        (-INFINITY, -INFINITY, True),
        (0.0, -0.0, True),
        (-0.0, 0.0, True),
        (INFINITY, -INFINITY, False),
        (math.nan, INFINITY, False),
        (math.nan, 0.0, False),
        (INFINITY, 3.4e38, False),
        (0.5, math.nan, False),
        (0.5, INFINITY, False),
        (0.5, -INFINITY, False),
        (0.0, math.nan, False),
    ],
)
@pytest.mark.parametrize("tolerance", [{}, {"absolute": 1e300, "relative": 1e300, "ulp": 1e300}])
def test_nan_and_infinities_must_stand_where_they_should_and_the_sign_of_a_zero_alone_says_nothing(
    golden, got, passes, tolerance
):
    case = a_case(tolerance=tolerance)
    goldens = golden_of(case)
    goldens["c_n"][0, 1, 2] = golden
    outcome = judged(case, golden=goldens, c_n={(0, 1, 2): got})
    if passes:
        assert outcome == Passed(0.0)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.noise == INFINITY
        problem = difference(outcome, "c_n")
        assert problem.startswith("1 of 8 elements differ; worst ")
        assert f"at (0, 1, 2): got {np.float32(got):.9g}, golden {golden:.9g}; noise inf" in problem


@pytest.mark.parametrize("not_finite", [math.nan, INFINITY, -INFINITY])
def test_a_golden_value_that_is_not_finite_makes_no_other_element_more_tolerant(not_finite):
    case = a_case()
    golden = golden_of(case)
    golden["y"][2, 1, 3] = not_finite
    assert judged(case, golden=golden, y={(0, 0, 0): ALLOWED * 2.0**-24}) == Passed(ALLOWED)
    assert isinstance(judged(case, golden=golden, y={(0, 0, 0): above(ALLOWED * 2.0**-24, "float32")}), Failed)


def test_a_nan_hides_no_other_wrong_element():
    case = a_case()
    outcome = judged(case, y={(0, 1, 1): math.nan, (2, 1, 1): 0.9})
    assert "2 of 24 elements differ; worst nan at (0, 1, 1)" in difference(outcome, "y")


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.zeros((2, 3, 4), np.float32), "has shape (2, 3, 4), needs (3, 2, 4)"),
        (np.zeros((3, 2, 4, 1), np.float32), "has shape (3, 2, 4, 1), needs (3, 2, 4)"),
        (np.zeros((2, 4), np.float32), "has shape (2, 4), needs (3, 2, 4)"),
        (np.zeros((3, 2, 4), np.float64), "has dtype float64, needs float32"),
        (np.zeros((3, 2, 4), np.float16), "has dtype float16, needs float32"),
        (np.zeros((3, 2, 4), ml_dtypes.bfloat16), "has dtype bfloat16, needs float32"),
        (None, "not returned"),
        ("a list", "is a list, needs to be a NumPy array of float32"),
    ],
)
def test_an_output_of_the_wrong_form_fails_whatever_its_numbers(y, problem):
    case = a_case(tolerance={"absolute": 1e9})
    outcome = judged(case, y=y)
    assert isinstance(outcome, Failed)
    assert outcome.noise == INFINITY
    assert [(d.tensor, d.problem) for d in outcome.differences] == [("y", problem)]
    assert outcome.first_wrong is None


def test_an_output_that_is_missing_altogether_fails_and_one_too_many_does_not():
    case = a_case()
    golden, kappa = golden_of(case), kappa_of(case)
    outputs = answer(case, golden) | {"attention": np.zeros(3)}
    assert judge(case, outputs, golden, kappa, precision="float32") == Passed(0.0)
    del outputs["h_n"]
    assert difference(judge(case, outputs, golden, kappa, precision="float32"), "h_n") == "not returned"


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


def test_an_empty_batch_is_right_if_its_shapes_are():
    case = a_case(B=0, head={"O": 3}, lengths=[])
    assert judged(case) == Passed(0.0)
    outcome = judged(case, h_n=np.zeros((1, 1, 4), np.float32))
    assert difference(outcome, "h_n") == "has shape (1, 1, 4), needs (1, 0, 4)"


def test_where_golden_values_and_kappa_are_zero_only_zero_will_do():
    case = a_case()
    golden, kappa = golden_of(case), kappa_of(case)
    golden["h_n"][:], kappa["h_n"][:] = 0.0, 0.0
    assert judged(case, golden=golden, kappa=kappa) == Passed(0.0)
    outcome = judged(case, golden=golden, kappa=kappa, h_n={(0, 0, 0): 2.0**-149})
    assert "noise inf, allowed 11" in difference(outcome, "h_n")
    tolerant = a_case(tolerance={"absolute": 1e-9})
    assert isinstance(judged(tolerant, golden=golden, kappa=kappa, h_n={(0, 0, 0): 1e-9}), Passed)


LENGTHS = [1, 3]


@pytest.mark.parametrize("name", ["y", "logits"])
def test_padding_is_held_to_the_contract_the_adapter_declares(name):
    case = a_case(lengths=LENGTHS, head={"O": 3})
    golden = golden_of(case)
    golden["y"][1:, 0] = 0.0  # the vector's own form: zeros past the length, and what the head makes of zeros
    golden["logits"][1:, 0] = 0.875
    carried = golden[name].copy()
    carried[1:, 0] = golden[name][0, 0]
    other = "logits" if name == "y" else "y"
    both_carried = golden[other].copy()
    both_carried[1:, 0] = golden[other][0, 0]
    zeros = answer(case, golden)
    lasts = answer(case, golden, **{name: carried.astype(np.float32), other: both_carried.astype(np.float32)})

    def verdict(outputs: dict[str, Any], contract: str) -> Passed | Failed:
        contracts = Contracts(padded_y=contract)
        return judge(case, outputs, golden, kappa_of(case), precision="float32", contracts=contracts)

    assert verdict(zeros, "zeros") == Passed(0.0)
    assert verdict(lasts, "last") == Passed(0.0)
    assert "6 of 18" in difference(verdict(lasts, "zeros"), "logits")
    assert "6 of 18" in difference(verdict(zeros, "last"), "logits")
    assert isinstance(verdict(lasts, "zeros"), Failed)
    lasts[name][2, 0, 1] += 0.25
    assert f"1 of {golden[name].size}" in difference(verdict(lasts, "last"), name)


def test_a_carried_value_carries_its_kappa():
    case = a_case(lengths=LENGTHS)
    golden, kappa = golden_of(case), kappa_of(case)
    golden["y"][1:, 0] = 0.0
    kappa["y"][0, 0] = 64.0
    carried = golden["y"].astype(np.float32)
    carried[:, 0] = golden["y"][0, 0]
    carried[2, 0, 0] += 64 * 2.0**-24
    assert isinstance(judged(case, golden=golden, kappa=kappa, padded_y="last", y=carried), Passed)


def test_garbage_in_padding_fails_under_either_contract():
    case = a_case(lengths=LENGTHS)
    golden = golden_of(case)
    golden["y"][1:, 0] = 0.0
    for contract in ("zeros", "last"):
        assert isinstance(judged(case, golden=golden, padded_y=contract, y={(2, 0, 1): 1e3}), Failed)


def test_a_carrying_contract_leaves_final_states_alone_even_where_they_have_as_many_rows_as_steps():
    case = a_case(T=2, direction="bidirectional", lengths=[1, 2])
    golden = golden_of(case)
    golden["y"][1:, 0] = golden["y"][0, 0]
    assert judged(case, golden=golden, padded_y="last") == Passed(0.0)
    assert isinstance(judged(case, golden=golden, padded_y="last", h_n={(1, 0, 0): 0.99}), Failed)


@pytest.mark.parametrize(
    ("direction", "wrong", "first"),
    [
        ("forward", [(2, 0, 0), (1, 1, 3), (1, 0, 2)], "direction forward, step 1, row 0"),
        ("reverse", [(0, 0, 0), (1, 1, 3)], "direction reverse, step 1, row 1"),
        ("bidirectional", [(2, 1, 1), (0, 0, 5)], "direction forward, step 2, row 1"),
        ("bidirectional", [(0, 0, 4), (1, 1, 7)], "direction reverse, step 1, row 1"),
    ],
)
def test_the_first_wrong_step_is_the_first_that_was_computed(direction, wrong, first):
    outcome = judged(a_case(direction=direction), y=dict.fromkeys(wrong, 0.3))
    assert isinstance(outcome, Failed)
    assert outcome.first_wrong == first


def test_only_wrong_outputs_have_a_first_wrong_step():
    outcome = judged(a_case(), h_n={(0, 0, 0): 0.3})
    assert isinstance(outcome, Failed)
    assert outcome.first_wrong is None


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


def test_the_message_says_what_where_how_far_where_first_and_how_to_see_it_again():
    case = a_case(origin={"file": "specs/judge.yaml", "line": 42}, direction="reverse")
    outcome = judged(case, y={(1, 1, 3): 0.25, (0, 0, 1): 7.0}, h_n=np.zeros((1, 2, 4)), c_n={(0, 0, 0): 1e-5})
    result = Result(case, "torch@cuda", outcome, {"torch": "2.9.0", "cuda": "12.8"}, "float32")
    assert result.message().splitlines() == [
        "FAILED judge/case [torch@cuda; torch 2.9.0]   specs/judge.yaml:42",
        "  y: 2 of 24 elements differ; worst 6.9 at (0, 0, 1): got 7, golden 0.125; noise 1.15e+08, allowed 11",
        "  h_n: has dtype float64, needs float32",
        "  c_n: 1 of 8 elements differ; worst 1e-05 at (0, 0, 0): got 9.99999975e-06, golden 0; noise 168, allowed 11",
        "  first wrong: direction reverse, step 1, row 1",
        "  again: conformance run --adapter torch@cuda --case judge/case",
    ]


def test_the_message_shows_enough_digits_to_tell_two_numbers_apart():
    case = a_case(dtype="float64", tolerance={"noise": 1})
    outcome = judged(case, y={(0, 0, 4 - 1): 3 / 8 + 2.0**-52})
    assert "got 0.37500000000000022, golden 0.375; noise 2, allowed 1" in difference(outcome, "y")


def test_the_message_names_every_term_of_the_tolerance():
    case = a_case(tolerance={"noise": 4, "absolute": 1e-7, "ulp": 2})
    assert "allowed 4 or absolute 1e-07 or ulp 2" in difference(judged(case, y={(0, 0, 0): 1.0}), "y")
