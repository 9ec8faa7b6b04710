"""NaN and infinities: one element of one tensor, through oracle, reference, kappa and judge, by IEEE 754."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from plain_lstm import in_float64, plain_activation, plain_lstm

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import PARAMETERS, Activation
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Array, Arrays
from conformance.golden.build import build
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts
from conformance.verdict.noise import noise

pytest.importorskip("flint")

from conformance.lstm.oracle import prove

NOT_FINITE = [math.nan, math.inf, -math.inf]
SIZES: dict[str, Any] = {"T": 5, "B": 3, "I": 2, "H": 4}
LINEAR = {"gate": "linear", "cell": "linear", "hidden": "linear"}


def poisoned(tensor: str, at: list[int], value: float, **fields: Any) -> Case:
    poison = {"tensor": tensor, "at": at, "value": value}
    return Case.model_validate({"id": "test/poison", "poison": poison, "seed": 4} | SIZES | fields)


def marks(array: Array) -> Array:
    """What each element is: 0 a number, 1 and -1 the infinities, 2 NaN."""
    array = array.astype(np.float64)
    return np.select([np.isnan(array), array == math.inf, array == -math.inf], [2, 1, -1], 0)


# Positions and values against a plain float64 evaluation.

PLACES: list[tuple[str, list[int], dict[str, Any]]] = [
    ("x", [2, 1, 0], {}),
    ("x", [2, 1, 0], {"direction": "reverse", "lengths": [5, 4, 2]}),
    ("x", [2, 1, 0], {"direction": "bidirectional", "layers": 2}),
    ("x", [2, 1, 1], {"skip": [[0], [2], [1]], "padding": 7.0}),  # where it is never read
    ("x", [0, 0, 0], {"T": 1, "B": 1, "head": {"O": 2}}),
    ("W.0", [0, 1, 1], {}),
    ("W.1", [2, 3, 0], {"direction": "bidirectional"}),
    ("R.0", [1, 2, 3], {}),
    ("R.0", [1, 2, 3], {"h0": None}),  # 0 times infinity is NaN at the first step already
    ("R.1", [3, 0, 0], {"layers": 2, "lengths": [0, 5, 1]}),
    ("b_w.0", [1, 0], {}),
    ("b_r.0", [2, 3], {"direction": "reverse"}),
    ("h0", [0, 2, 1], {}),
    ("h0", [1, 0, 0], {"direction": "bidirectional", "lengths": [1, 0, 5]}),
    ("h0", [0, 1, 3], {"lengths": [1, 0, 5]}),  # a row of length 0 hands it on
    ("c0", [0, 2, 1], {}),
    ("c0", [0, 0, 3], {"activations": LINEAR, "peephole": True, "T": 2}),
    ("c0", [0, 1, 0], {"cell_clip": 0.5}),  # an infinity is bounded, a NaN stays
    ("c0", [0, 1, 0], {"gate_clip": {"bound": 0.5, "reading": "all"}, "activations": {"hidden": "linear"}}),
    ("peephole.0", [2, 1], {"peephole": True}),
    ("projection.0", [1, 3], {"P": 2}),
    ("projection.0", [1, 3], {"P": 2, "projection_clip": 0.25}),
    ("projection_bias.0", [0], {"P": 2, "projection_bias": True}),
    ("gamma.0", [1, 0], {"layer_norm": "nnapi"}),
    ("beta_cell.0", [1], {"layer_norm": "basic-lstm-cell", "bias": False}),
    ("x", [3, 0, 1], {"layer_norm": "nnapi"}),
    ("c0", [0, 0, 1], {"coupling": "input=1-forget", "activations": {"gate": "relu"}}),
    ("W_y", [1, 2], {"head": {"O": 2}}),
    ("b_y", [0], {"head": {"O": 2}, "lengths": [2, 5, 0]}),
]


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize(("tensor", "at", "fields"), PLACES, ids=str)
def test_oracle_reference_and_kappa_follow_ieee_754(
    tensor: str, at: list[int], fields: dict[str, Any], value: float
) -> None:
    case = poisoned(tensor, at, value, **fields)
    arrays = make_arrays(case)
    wanted = plain_lstm(case, in_float64(arrays))
    vector = build(case).vector  # the float64 reference agrees with the oracle, or this raises
    scale = kappa(case, arrays)
    for name, array in wanted.items():
        assert np.array_equal(marks(vector.golden[name]), marks(array)), name
        assert noise(array, vector.golden[name], scale[name], "float64").max() <= 16
        assert np.isfinite(scale[name]).all() and (scale[name] >= 0).all()
        assert not scale[name][~np.isfinite(array)].any()
    assert any((scale[name] > 0).any() for name in wanted) or not any(np.isfinite(a).any() for a in wanted.values())


def test_the_places_reach_nan_and_both_infinities() -> None:
    seen = set()
    for tensor, at, fields in PLACES:
        for value in NOT_FINITE:
            case = poisoned(tensor, at, value, **fields)
            seen |= {
                int(m) for array in plain_lstm(case, in_float64(make_arrays(case))).values() for m in marks(array).flat
            }
    assert seen == {-1, 0, 1, 2}


def activation(name: str) -> Activation:
    return Activation.model_validate({"name": name} | dict(zip(PARAMETERS.get(name, ()), (0.3, 0.6), strict=False)))


@pytest.mark.parametrize(
    ("name", "value"),
    list(itertools.product(FUNCTIONS, NOT_FINITE)),
)
def test_every_activation_of_what_is_not_a_number(name: str, value: float) -> None:
    """c = G(b_w) with i = 1, f = 0; x is zero, so that no product makes a NaN of an infinity."""
    chosen = activation(name)
    activations = LINEAR | {"cell": chosen.model_dump()}
    case = poisoned("b_w.0", [2, 0], value, T=1, B=1, I=1, H=1, activations=activations, h0=None, c0=None)
    tensors = {f"weights.{n}": np.zeros(shape, np.float32) for n, shape in case.weight_shapes.items()}
    tensors["weights.b_w.0"][:, 0] = [1.0, 0.0, value, 0.0]
    arrays = Arrays.from_tensors(tensors | {"inputs.x": np.zeros((1, 1, 1), np.float32)})
    wanted = plain_activation(chosen)(value)
    by_oracle, by_reference = prove(case, arrays).outputs["c_n"].item(), Reference(case).run(arrays)["c_n"].item()
    assert by_oracle == pytest.approx(wanted, rel=1e-15, abs=0, nan_ok=True)
    assert by_reference == pytest.approx(wanted, rel=1e-6, abs=0, nan_ok=True)


# A NaN is proven, too: none comes of lost digits.

CANCELS = {"gate": "linear", "cell": "linear", "hidden": "softsign"}


def test_a_number_too_wide_to_divide_by_is_no_nan() -> None:
    """c = 1e40 + 1/2 - 1e40: with 128 bits a ball of radius 32 around 0, and 1 + |c| may be 0 for all one knows."""
    case = poisoned("x", [0, 1, 0], math.nan, T=2, B=2, I=1, H=1, dtype="float64", activations=CANCELS)
    tensors = {f"weights.{n}": np.zeros(shape) for n, shape in case.weight_shapes.items()}
    tensors |= {f"inputs.{n}": np.zeros(shape) for n, shape in case.input_shapes.items()}
    tensors["weights.b_w.0"][:, 0], tensors["weights.b_r.0"][2] = [1.0, 1.0, 1e40, 1.0], 0.5
    tensors["inputs.c0"][:] = -1e40
    tensors["inputs.x"][0, 1, 0] = math.nan
    proof = prove(case, Arrays.from_tensors(tensors))
    assert proof.outputs["y"][:, 0, 0].tolist() == [1 / 3, 1.0]
    assert np.isnan(proof.outputs["y"][:, 1]).all()
    assert proof.bits == 256


def test_a_number_too_wide_to_normalise_is_no_nan() -> None:
    """1e40 + 1/2 and 1e40 - 1/2: with 128 bits their variance is a ball around 0, whose root may be anything."""
    fields = {"T": 1, "B": 2, "I": 2, "H": 2, "dtype": "float64", "layer_norm": "nnapi", "activations": LINEAR}
    case = poisoned("x", [0, 1, 0], math.nan, **fields)
    tensors = {f"weights.{n}": np.zeros(shape) for n, shape in case.weight_shapes.items()}
    tensors |= {f"inputs.{n}": np.zeros(shape) for n, shape in case.input_shapes.items()}
    tensors["weights.W.0"][0] = [[1e40, 0.5], [1e40, -0.5]]
    tensors["weights.gamma.0"][:], tensors["weights.b_w.0"][2] = 1.0, 1.0
    tensors["inputs.x"][:] = [[[1.0, 1.0], [math.nan, 1.0]]]
    proof = prove(case, Arrays.from_tensors(tensors))
    assert proof.outputs["c_n"][0, 0].tolist() == pytest.approx([1.0, -1.0], rel=1e-7)
    assert np.isnan(proof.outputs["c_n"][0, 1]).all()
    assert proof.bits > 128


@pytest.mark.parametrize("fields", [{}, {"layer_norm": "nnapi", "activations": {"hidden": "softsign"}}], ids=str)
def test_a_poisoned_row_leaves_the_proof_of_the_others_alone(fields: dict[str, Any]) -> None:
    """A chaotic case, which takes more bits: the other rows have the numbers of the case without poison."""
    steep = {"uniform": {"gain": 5.0}}
    fields = {"T": 60, "B": 2, "H": 12, "weights": {"W": steep, "R": steep}} | fields
    case = poisoned("x", [59, 0, 1], math.nan, **fields)
    clean = case.model_copy(update={"poison": None})
    got, wanted = prove(case, make_arrays(case), first_bits=32), prove(clean, make_arrays(clean))
    assert np.isnan(got.outputs["y"][59, 0]).all() and np.isnan(got.outputs["c_n"][0, 0]).all()
    for name, array in wanted.outputs.items():
        assert got.outputs[name][:, 1].tobytes() == array[:, 1].tobytes()
    assert got.outputs["y"][:59].tobytes() == wanted.outputs["y"][:59].tobytes()


def test_a_number_that_overflows_is_no_infinity_of_the_case() -> None:
    case = poisoned("x", [0, 0, 0], math.inf, T=1, B=2, I=1, H=1, dtype="float64", activations=LINEAR)
    arrays = make_arrays(case)
    arrays.weights.rows[0].W[:] = 1e200
    with pytest.raises(GenerationError, match="beyond the largest float64"):
        prove(case, arrays)


def test_what_is_not_finite_is_refused_where_the_case_has_no_poison() -> None:
    case = poisoned("x", [0, 0, 0], math.nan)
    with pytest.raises(GenerationError, match="x holds NaN or infinity, and the case has no poison"):
        prove(case.model_copy(update={"poison": None}), make_arrays(case))


# Assessment: right positions pass; a NaN that is moved, swallowed or spread does not.


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize(("tensor", "at"), [("x", [2, 1, 0]), ("c0", [0, 1, 2]), ("h0", [0, 1, 2]), ("R.0", [0, 0, 0])])
def test_the_reference_in_the_case_s_own_dtype_is_right(tensor: str, at: list[int], value: float, dtype: str) -> None:
    case = poisoned(tensor, at, value, dtype=dtype)
    arrays, vector = make_arrays(case), build(case).vector
    got = NumpyReference().run(case, arrays.weights, arrays.inputs)
    assert isinstance(judge(case, got, vector.golden, vector.kappa, precision=dtype), Passed)


def verdict(case: Case, **changes: Array) -> Passed | Failed:
    arrays, vector = make_arrays(case), build(case).vector
    got = NumpyReference().run(case, arrays.weights, arrays.inputs) | changes
    return judge(case, got, vector.golden, vector.kappa, precision="float32", contracts=Contracts())


def right(case: Case, name: str) -> Array:
    arrays = make_arrays(case)
    return NumpyReference().run(case, arrays.weights, arrays.inputs)[name].copy()


def test_a_nan_that_is_swallowed_moved_or_spread_fails() -> None:
    case = poisoned("x", [2, 1, 0], math.nan)
    y = right(case, "y")
    assert np.isnan(y).sum() == 12  # row 1, steps 2 to 4
    assert verdict(case, y=y) == verdict(case)
    swallowed, moved, spread, early = y.copy(), y[:, [1, 0, 2]], y.copy(), y.copy()
    swallowed[4, 1, 3] = 0.0
    spread[2, 0, 0] = math.nan
    early[1, 1, 0] = math.nan
    for wrong in (swallowed, np.nan_to_num(y), moved, spread, early, np.full_like(y, math.nan)):
        outcome = verdict(case, y=wrong)
        assert isinstance(outcome, Failed) and outcome.noise == math.inf
        assert [d.tensor for d in outcome.differences] == ["y"]


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinity_that_is_made_a_number_a_nan_or_the_other_one_fails(value: float) -> None:
    case = poisoned("c0", [0, 1, 2], value)
    c_n = right(case, "c_n")
    assert marks(c_n)[0, 1].tolist() == [0, 0, math.copysign(1, value), 0]
    for wrong in (math.copysign(3.4e38, value), math.nan, -value, 0.0):
        changed = c_n.copy()
        changed[0, 1, 2] = wrong
        outcome = verdict(case, c_n=changed)
        assert isinstance(outcome, Failed) and [d.tensor for d in outcome.differences] == ["c_n"]


def test_numbers_beside_a_nan_are_held_to_the_usual_noise() -> None:
    case = poisoned("x", [2, 1, 0], math.nan)
    y = right(case, "y")
    y[0, 1, 0] += 1e-4
    outcome = verdict(case, y=y)
    assert isinstance(outcome, Failed) and 16 < outcome.noise < 1e5
