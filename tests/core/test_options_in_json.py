"""The options of a case as specs and workers hand them on: in JSON, in the digest, in the summary and in the schema."""

import math
from typing import Any

import pytest
from option_cases import SIZES, a_case

from conformance.case.model import Case
from conformance.case.schema import spec_schema
from conformance.golden.inputs import make_arrays

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
