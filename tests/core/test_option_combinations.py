"""Which options of a case go together, what is said of those that do not, and which default parameters there are."""

import math
from typing import Any

import pytest
from option_cases import a_case
from pydantic import ValidationError

from conformance.case.options import DEFAULTS, PARAMETERS, Activation


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
    (
        {"output_peephole": "previous-cell"},
        "output_peephole says which cell a peephole sees: set peephole",
        {"output_peephole": "previous-cell", "peephole": True},
    ),
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
