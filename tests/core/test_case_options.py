"""The options of a case: which go together, what is said of those that do not, default parameters, JSON and schema."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from conformance.case.model import Case
from conformance.case.options import DEFAULTS, PARAMETERS, Activation
from conformance.case.schema import spec_schema
from conformance.golden.inputs import make_arrays

SIZES: dict[str, Any] = {"T": 4, "B": 2, "I": 3, "H": 5}


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "fam/plain", **SIZES, **fields})


def said(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        a_case(**fields)
    (problem,) = caught.value.errors()
    return str(problem["msg"]).removeprefix("Value error, ")


# Which options go together. Each refusal stands beside the nearest case that is taken.

NORM = {"layer_norm": "basic-lstm-cell", "bias": False}
ELU = {"name": "elu", "alpha": 1.0}
BY_DEFAULT = {"name": "elu", "defaults": "onnx"}
FIT: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    # lengths and holes
    ({"lengths": [5, 0]}, "lengths must lie between 0 and T=4", {"lengths": [4, 0]}),
    ({"lengths": [-1, 4]}, "lengths must lie between 0 and T=4", {"lengths": [0, 0]}),
    ({"lengths": [4]}, "lengths has 1 numbers for B=2 rows", {"B": 0, "lengths": []}),
    ({"skip": [[1]]}, "skip has 1 lists of steps for B=2 rows", {"skip": [[1], []]}),
    ({"skip": [[2, 1], []]}, "skip: each row's steps must ascend and lie between 0 and T-1=3", {"skip": [[1, 2], []]}),
    ({"skip": [[1, 1], []]}, "skip: each row's steps must ascend", {"skip": [[1], []]}),
    ({"skip": [[4], []]}, "skip: each row's steps must ascend", {"skip": [[0, 1, 2, 3], [3]]}),
    ({"skip": [[], [-1]]}, "skip: each row's steps must ascend", {"skip": [[], [0]], "lengths": [4, 2]}),
    (
        {"lengths_via": "argument"},
        "lengths_via says how lengths or skip are handed over: give one of the two",
        {"lengths_via": "argument", "lengths": [1, 2]},
    ),
    (
        {"lengths_via": "packed", "skip": [[1], []]},
        "a packed sequence has no holes: lengths_via packed cannot be combined with skip",
        {"lengths_via": "packed", "lengths": [1, 2]},
    ),
    (
        {"lengths_via": "packed-sorted", "skip": [[1], []]},
        "a packed sequence has no holes",
        {"lengths_via": "argument", "skip": [[1], []]},
    ),
    (
        {"lengths_via": "upstream", "lengths": [1, 2], "padding": math.nan},
        "lengths_via upstream marks padding by its value, which must be finite",
        {"lengths_via": "argument", "lengths": [1, 2], "padding": math.nan},
    ),
    (
        {"lengths_via": "upstream", "lengths": [1, 2], "padding": math.inf},
        "lengths_via upstream marks padding by its value",
        {"lengths_via": "upstream", "skip": [[0], []]},
    ),
    # blocks and calls
    (
        {"blocks": [2, 2], "skip": [[1], []]},
        "blocks (a stream) cannot be combined with skip; if some rows end early, give lengths",
        {"blocks": [2, 2], "lengths": [4, 1]},
    ),
    (
        {"blocks": [2, 2], "calls": [1, 1]},
        "blocks divide the steps and calls divide the rows: give one of the two",
        {"calls": [1, 1], "skip": [[1], []], "direction": "bidirectional"},
    ),
    ({"calls": [1, 2]}, "calls must be positive and add up to B=2", {"calls": [2]}),
    ({"calls": [2, 0]}, "calls must be positive and add up to B=2", {"calls": [1, 1], "lengths": [1, 4]}),
    ({"calls": [], "B": 0}, "calls must be positive and add up to B=0", {"B": 0}),
    (
        {"head": {"O": 2, "after": "last_step"}, "skip": [[3], []]},
        "head after last_step needs direction forward and cannot be combined with lengths",
        {"head": {"O": 2}, "skip": [[3], []]},
    ),
    # the cell
    ({"projection_bias": True}, "projection_bias needs a projection: set P", {"projection_bias": True, "P": 2}),
    ({"projection_clip": 0.5}, "projection_clip needs a projection: set P", {"projection_clip": 0.5, "P": 2}),
    (
        {"coupling": "forget=1-input", "forget_bias": 1.0},
        "forget_bias has no effect where the forget gate is 1 - i",
        {"coupling": "input=1-forget", "forget_bias": 1.0},
    ),
    (
        {"layer_norm": "nnapi", "gate_clip": {"bound": 1.0, "reading": "gates"}},
        "layer_norm nnapi has no gate_clip",
        {"layer_norm": "nnapi", "peephole": True, "cell_clip": 1.0, "P": 2, "coupling": "input=1-forget"},
    ),
    ({"layer_norm": "basic-lstm-cell"}, "layer_norm basic-lstm-cell has no bias", {**NORM, "forget_bias": 1.0}),
    ({**NORM, "peephole": True}, "layer_norm basic-lstm-cell has no peephole", NORM),
    ({**NORM, "P": 2, "cell_clip": 1.0}, "layer_norm basic-lstm-cell has no cell_clip, P", NORM),
    ({**NORM, "coupling": "forget=1-input"}, "layer_norm basic-lstm-cell has no coupling", NORM),
    (
        {**NORM, "gate_clip": {"bound": 1.0, "reading": "all"}},
        "layer_norm basic-lstm-cell has no gate_clip",
        {**NORM, "direction": "bidirectional", "layers": 2, "skip": [[1], []]},
    ),
    # activations
    (
        {"activations": {"cell": BY_DEFAULT, "hidden": ELU}},
        "activations: either give the parameters of all activations, or leave all out with defaults",
        {"activations": {"gate": "sigmoid", "cell": BY_DEFAULT, "hidden": BY_DEFAULT}},
    ),
    (
        {"activations": {"cell": BY_DEFAULT, "hidden": {"name": "elu", "defaults": "keras"}}},
        "activations: either give the parameters of all",
        {"activations": {"cell": BY_DEFAULT, "hidden": "relu"}},
    ),
    # poison
    (
        {"poison": {"tensor": "z", "at": [0], "value": math.nan}},
        "poison: the case has no tensor 'z'; it has x, h0, c0, W.0, R.0, b_w.0, b_r.0",
        {"poison": {"tensor": "b_r.0", "at": [3, 4], "value": math.inf}},
    ),
    (
        {"poison": {"tensor": "h0", "at": [0, 1, 0], "value": math.nan}, "h0": None},
        "poison: the case has no tensor 'h0'; it has x, c0,",
        {"poison": {"tensor": "c0", "at": [0, 1, 4], "value": -math.inf}, "h0": None},
    ),
    (
        {"poison": {"tensor": "W.1", "at": [0, 0, 0], "value": math.nan}},
        "poison: the case has no tensor 'W.1'",
        {"poison": {"tensor": "W.1", "at": [0, 0, 0], "value": math.nan}, "layers": 2},
    ),
    (
        {"poison": {"tensor": "x", "at": [0, 0], "value": math.nan}},
        "poison: [0, 0] is not an index of x of shape (4, 2, 3)",
        {"poison": {"tensor": "x", "at": [3, 1, 2], "value": math.nan}},
    ),
    (
        {"poison": {"tensor": "x", "at": [4, 0, 0], "value": math.nan}},
        "poison: [4, 0, 0] is not an index of x",
        {"poison": {"tensor": "x", "at": [0, 0, 0], "value": 7.0}},
    ),
    (
        {"poison": {"tensor": "x", "at": [-1, 0, 0], "value": math.nan}},
        "poison: [-1, 0, 0] is not an index of x",
        {"poison": {"tensor": "peephole.0", "at": [2, 4], "value": math.nan}, "peephole": True},
    ),
]


@pytest.mark.parametrize(("fields", "message", "taken"), FIT, ids=lambda value: str(value)[:60])
def test_what_goes_together_is_taken_and_the_rest_refused_with_a_word(
    fields: dict[str, Any], message: str, taken: dict[str, Any]
) -> None:
    assert said(**fields).startswith(message)
    a_case(**taken)


def test_every_problem_of_a_case_is_told_at_once() -> None:
    assert said(lengths=[9], calls=[1], projection_clip=1.0).split("; ") == [
        "lengths has 1 numbers for B=2 rows",
        "lengths must lie between 0 and T=4",
        "calls must be positive and add up to B=2",
        "projection_clip needs a projection: set P",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"P": 0},
        {"B": -1},
        {"cell_clip": 0.0},
        {"cell_clip": math.inf},
        {"projection_clip": -1.0, "P": 2},
        {"gate_clip": {"bound": 1.0}},
        {"gate_clip": {"bound": -1.0, "reading": "all"}},
        {"gate_clip": {"bound": 1.0, "reading": "both"}},
        {"gate_clip": 3.0},
        {"coupling": "f=1-i"},
        {"layer_norm": "tflite"},
        {"layout": "batch_first"},
        {"lengths_via": "mask", "lengths": [1, 2]},
        {"peephole": 1},
        {"poison": {"tensor": "x", "at": [0, 0, 0]}},
        {"exempt": {"constant-weights": 1}},
    ],
    ids=str,
)
def test_a_value_outside_the_format_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_case(**fields)


# Default parameters.


@pytest.mark.parametrize(("framework", "name"), [(f, name) for f, known in DEFAULTS.items() for name in known])
def test_defaults_fill_in_what_the_framework_promises(framework: str, name: str) -> None:
    activation = Activation.model_validate({"name": name, "defaults": framework})
    given = {parameter: getattr(activation, parameter) for parameter in PARAMETERS[name]}
    assert given == DEFAULTS[framework][name]
    assert str(activation).endswith(f" by default of {framework}")


def test_defaults_differ_where_the_frameworks_do() -> None:
    onnx, keras = (Activation.model_validate({"name": "hard_sigmoid", "defaults": f}) for f in ("onnx", "keras"))
    assert (onnx.alpha, keras.alpha) == (0.2, 1 / 6)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (
            {"name": "tanh", "defaults": "onnx"},
            "onnx defines no default parameters for tanh, only for hard_sigmoid,",
        ),
        ({"name": "affine", "defaults": "onnx"}, "onnx defines no default parameters for affine"),
        ({"name": "thresholded_relu", "defaults": "keras"}, "keras defines no default parameters for thresholded_relu"),
        ({"name": "elu", "defaults": "onnx", "alpha": 2.0}, "with defaults: onnx, leave alpha and beta out"),
        ({"name": "elu", "defaults": "onnx", "beta": 1.0}, "elu takes no beta"),
        ({"name": "elu", "defaults": "torch"}, "Input should be 'onnx' or 'keras'"),
        ({"name": "gelu", "defaults": "onnx"}, "Input should be 'sigmoid',"),
        ({"name": ["elu"], "defaults": "onnx"}, "Input should be 'sigmoid',"),
        ({"defaults": "onnx"}, "Field required"),
        ({"name": "elu"}, "elu needs alpha: frameworks disagree on its default"),
    ],
    ids=str,
)
def test_defaults_that_nobody_promises_are_refused(activation: dict[str, Any], message: str) -> None:
    assert said(activations={"cell": activation}).startswith(message)


def test_the_same_parameters_given_or_by_default_are_two_cases_with_the_same_numbers() -> None:
    given, default = (a_case(seed=1, activations={"cell": chosen}) for chosen in (ELU, BY_DEFAULT))
    assert given.digest() != default.digest()
    assert given.activations[0].cell.alpha == default.activations[0].cell.alpha


# JSON, as specs and workers hand cases on; and the schema.

FULL: list[dict[str, Any]] = [
    {
        "P": 2,
        "projection_bias": True,
        "projection_clip": 0.5,
        "peephole": True,
        "gate_clip": {"bound": 2.5, "reading": "gates"},
        "cell_clip": 3.0,
        "coupling": "input=1-forget",
        "layout": "batch_major",
        "lengths": [0, 4],
        "skip": [[], [1, 2]],
        "lengths_via": "argument",
        "calls": [1, 1],
        "poison": {"tensor": "projection.0", "at": [1, 4], "value": math.nan},
        "activations": {
            "gate": {"name": "hard_sigmoid", "defaults": "keras"},
            "cell": {"name": "elu", "defaults": "keras"},
        },
        "weights": {
            "peephole": {"constant": 0.5},
            "projection": {"uniform": {"gain": 1.0}},
            "projection_bias": {"ramp": {"first": 1}},
        },
        "exempt": {"constant-weights": "a test"},
    },
    {
        "layer_norm": "basic-lstm-cell",
        "bias": False,
        "weights": {name: {"constant": 1.0} for name in ("gamma", "beta", "gamma_cell", "beta_cell")},
        "poison": {"tensor": "x", "at": [0, 0, 0], "value": -math.inf},
    },
    {"B": 0, "lengths": []},
]


@pytest.mark.parametrize("fields", FULL, ids=lambda fields: next(iter(fields)))
def test_a_case_with_every_option_survives_json(fields: dict[str, Any]) -> None:
    case = a_case(**fields)
    back = Case.model_validate_json(case.model_dump_json())
    assert back.model_dump_json() == case.model_dump_json() and back.digest() == case.digest()
    assert (back.activations, back.skip, back.lengths, back.calls) == (
        case.activations,
        case.skip,
        case.lengths,
        case.calls,
    )
    assert back.summary() == case.summary()
    first, second = make_arrays(case), make_arrays(back)
    assert {n: a.tobytes() for n, a in first.flat.items()} == {n: a.tobytes() for n, a in second.flat.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"P": 2},
        {"peephole": True},
        {"gate_clip": {"bound": 1.0, "reading": "all"}},
        {"gate_clip": {"bound": 1.0, "reading": "gates"}},
        {"cell_clip": 1.0},
        {"coupling": "forget=1-input"},
        {"coupling": "input=1-forget"},
        {"layer_norm": "nnapi"},
        {"layout": "batch_major"},
        {"lengths": [0, 4]},
        {"lengths": [0, 4], "lengths_via": "packed"},
        {"skip": [[1], []]},
        {"calls": [1, 1]},
        {"poison": {"tensor": "x", "at": [0, 0, 0], "value": math.nan}},
    ],
    ids=str,
)
def test_every_option_is_in_the_digest_and_in_the_summary(changes: dict[str, Any]) -> None:
    assert a_case(**changes).digest() != a_case().digest()
    assert a_case(**changes).summary() != a_case().summary()


def test_what_a_case_is_excused_from_is_not_in_the_digest() -> None:
    assert a_case(exempt={"constant-weights": "a test"}).digest() == a_case().digest()


def schema_errors(fields: dict[str, Any]) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    spec = {"family": "fam", "cases": [{"name": "plain", **SIZES, **fields}]}
    return [error.message for error in jsonschema.Draft202012Validator(spec_schema()).iter_errors(spec)]


@pytest.mark.parametrize("fields", FULL, ids=lambda fields: next(iter(fields)))
def test_the_schema_knows_every_option(fields: dict[str, Any]) -> None:
    assert schema_errors(fields) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"gate_clip": {"bound": 1, "reading": "both"}},
        {"gate_clip": {"bound": 1}},
        {"coupling": "f=1-i"},
        {"layer_norm": "tflite"},
        {"layout": "batch_first"},
        {"lengths_via": "mask"},
        {"skip": [1, 2]},
        {"calls": 2},
        {"B": -1},
        {"poison": {"tensor": "x", "at": [0], "value": 1, "values": 2}},
        {"activations": {"cell": {"name": "elu", "defaults": "torch"}}},
        {"weights": {"gamma_h": {"constant": 1}}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_outside_the_format(fields: dict[str, Any]) -> None:
    assert schema_errors(fields)


# The arrays that come of it.


def test_shapes_of_the_new_weights() -> None:
    case = a_case(P=2, projection_bias=True, peephole=True, layer_norm="nnapi", layers=2, direction="bidirectional")
    shapes = case.weight_shapes
    assert {name: shapes[f"{name}.3"] for name in ("W", "R", "peephole", "projection", "projection_bias", "gamma")} == {
        "W": (4, 5, 4),
        "R": (4, 5, 2),
        "peephole": (3, 5),
        "projection": (2, 5),
        "projection_bias": (2,),
        "gamma": (4, 5),
    }
    assert (case.input_shapes["h0"], case.input_shapes["c0"]) == ((4, 2, 2), (4, 2, 5))
    assert case.outputs == {"y": (4, 2, 4), "h_n": (4, 2, 2), "c_n": (4, 2, 5)}
    row = make_arrays(case).weights.rows[3]
    assert row.peephole is not None and row.gamma is not None and row.beta is None


def test_default_sources_of_the_new_weights() -> None:
    cell = a_case(H=50, P=40, projection_bias=True, peephole=True, layer_norm="nnapi", dtype="float64")
    norm = a_case(H=50, layer_norm="basic-lstm-cell", bias=False, dtype="float64")
    flat = make_arrays(cell).flat | {f"basic {n}": a for n, a in make_arrays(norm).flat.items()}
    gain = 1.5 / math.sqrt(50)
    ranges = {
        "weights.peephole.0": (-1.0, 1.0),
        "weights.projection.0": (-gain, gain),
        "weights.projection_bias.0": (-1.0, 1.0),
        "weights.gamma.0": (0.5, 1.5),
        "basic weights.gamma_cell.0": (0.5, 1.5),
        "basic weights.beta.0": (-1.0, 1.0),
        "basic weights.beta_cell.0": (-1.0, 1.0),
    }
    for name, (low, high) in ranges.items():
        assert low <= flat[name].min() < low + 0.2 * (high - low), name
        assert high - 0.2 * (high - low) < flat[name].max() <= high, name
    for name in ("weights.projection_bias.0", "basic weights.beta.0", "basic weights.beta_cell.0"):
        assert np.array_equal(flat[name] * 2.0**20, np.rint(flat[name] * 2.0**20)), name


def test_lengths_and_holes_make_the_mask_and_the_padding() -> None:
    case = a_case(lengths=[4, 2], skip=[[1], []], padding=9.0)
    assert [case.valid_steps(row) for row in range(2)] == [[0, 2, 3], [0, 1]]
    inputs = make_arrays(case).inputs
    assert inputs.mask is not None and inputs.lengths is not None
    assert inputs.mask.T.tolist() == [[True, False, True, True], [True, True, False, False]]
    assert inputs.lengths.tolist() == [4, 2]
    assert np.array_equal(np.all(inputs.x == 9.0, axis=-1), ~inputs.mask)
    assert make_arrays(a_case(lengths=[4, 2])).inputs.mask is None  # lengths say it all


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 7.0])
@pytest.mark.parametrize(("tensor", "at"), [("x", (3, 1, 2)), ("h0", (0, 1, 4)), ("W.0", (2, 4, 0)), ("b_r.0", (1, 3))])
def test_poison_replaces_one_element_and_no_other(tensor: str, at: tuple[int, ...], value: float) -> None:
    clean, poisoned = (
        make_arrays(a_case(seed=1, poison=poison)).flat
        for poison in (None, {"tensor": tensor, "at": at, "value": value})
    )
    assert clean.keys() == poisoned.keys()
    for name, array in clean.items():
        wanted = array.copy()
        if name.partition(".")[2] == tensor:
            wanted[at] = value
        assert np.array_equal(poisoned[name], wanted, equal_nan=True), name
