"""The LiteRT adapter against the reference in float64. Skipped where ai-edge-litert is not installed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.layouts import pack, unpack
from conformance.adapters.litert_lstm import LiteRT
from conformance.adapters.litert_model import FUSED, LITERT
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.reference import Reference

pytest.importorskip("ai_edge_litert")

Fields = dict[str, Any]

FACTOR = 2.0
"""How many times u * sqrt(T * n) an honest error may be, n being I + H; 0.5 has been seen."""

BATCH_MAJOR: Fields = {"layout": "batch_major"}
BIDIRECTIONAL: Fields = {"direction": "bidirectional"}
COUPLED: Fields = {"coupling": "input=1-forget"}
NORM: Fields = {"layer_norm": "nnapi"}
PROJECTION: Fields = {"P": 5}
RELU: Fields = {"activations": {"cell": "relu", "hidden": "relu"}}
EVERYTHING: Fields = {
    **COUPLED,
    **PROJECTION,
    "peephole": True,
    "cell_clip": 0.75,
    "projection_bias": True,
    "projection_clip": 0.5,
}
AGREE: list[Fields] = [
    {},
    {"T": 1, "B": 1, "I": 1, "H": 1},
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"bias": False, "c0": None},
    {"layers": 3, "h0": None},
    {"h0": None, "c0": None, "head": {"O": 2}},
    {"layers": 2, "head": {"O": 2, "after": "last_step"}},
    {"H": 129, "I": 131, "T": 3},
    BATCH_MAJOR | {"layers": 2, "head": {"O": 2}},
    BATCH_MAJOR | {"head": {"O": 2, "after": "last_step"}},
    BATCH_MAJOR | PROJECTION | {"blocks": (2, 2, 1)},
    {"blocks": (2, 2, 1), "layers": 2, "c0": None},
    {"blocks": (1, 1, 1, 1, 1), "head": {"O": 2}, "h0": None, "c0": None},
    {"B": 9, "calls": (2, 4, 3), "layers": 2, "h0": None},
    {"B": 9, "calls": (3, 3, 3), "h0": None, "c0": None},
    BIDIRECTIONAL | {"layers": 2, "head": {"O": 2}},
    BIDIRECTIONAL | RELU | {"c0": None},
    BIDIRECTIONAL | EVERYTHING,
    RELU | COUPLED,
    NORM | {"bias": False},
    NORM | {"peephole": True, "layers": 2},
    NORM | EVERYTHING,
    NORM | EVERYTHING | BATCH_MAJOR | {"layers": 2, "h0": None},
    {"P": 9, "projection_bias": True, "layers": 2},
]
TOGGLES: list[tuple[Fields, Fields]] = [
    *(({}, on) for on in (RELU, COUPLED, NORM, {"peephole": True}, {"cell_clip": 0.25}, {"bias": False})),
    *(({}, on) for on in ({"h0": None}, {"c0": None})),
    *((PROJECTION, PROJECTION | on) for on in ({"projection_bias": True}, {"projection_clip": 0.25})),
    *((COUPLED, COUPLED | on) for on in (NORM, {"peephole": True}, {"bias": False})),
    *((NORM, NORM | on) for on in (COUPLED, {"peephole": True}, {"bias": False})),
    *((BIDIRECTIONAL, BIDIRECTIONAL | on) for on in (RELU, COUPLED, {"peephole": True}, {"cell_clip": 0.25})),
]
REFUSED: list[tuple[Fields, str]] = [
    ({"direction": "reverse"}, "bidirectional and forward, not reverse"),
    ({"dtype": "float16"}, "computes in float32, not in float16"),
    ({"lengths": (3, 5, 2)}, "takes no lengths"),
    ({"skip": ((1,), (), ())}, "takes no mask with holes"),
    ({"forget_bias": 1.0}, "no forget bias at run time"),
    ({"coupling": "forget=1-input"}, "no coupling forget=1-input; it has input=1-forget"),
    ({"layer_norm": "basic-lstm-cell", "bias": False}, "no layer_norm basic-lstm-cell; it has nnapi"),
    ({"gate_clip": {"bound": 1.0, "reading": "gates"}}, "no gate_clip gates"),
    (NORM | BIDIRECTIONAL, "BIDIRECTIONAL_SEQUENCE_LSTM has no layer norm"),
    (BATCH_MAJOR | BIDIRECTIONAL, "both directions in batch-major layout are not asked of it: see docs/adapters.md"),
    ({"H": 2, "P": 19}, "a projection of 2 cells to 19 is not asked of it"),
    ({"activations": {"cell": "relu"}}, "one activation for both"),
    ({"activations": {"gate": "tanh"}}, "does not take tanh as its gate activation"),
    ({"activations": {"cell": "softsign", "hidden": "softsign"}}, "does not take softsign"),
]


def case_of(fields: Fields) -> Case:
    defaults: Fields = {"id": "test/litert", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6}
    return Case(**(defaults | fields))


def summary(value: Any) -> str:
    return case_of(value).summary() if isinstance(value, dict) else str(value)


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    return LiteRT()


def truth(case: Case, arrays: Arrays) -> Outputs:
    wide = {name: array.astype(np.float64) for name, array in arrays.flat.items()}
    return Reference(case).run(Arrays.from_tensors(wide))


def assert_right(case: Case, got: Outputs, golden: Outputs) -> None:
    assert set(got) == set(case.outputs)
    bound = FACTOR * UNIT_ROUNDOFF[case.dtype] * math.sqrt(case.T * (case.I + case.H))
    for name, shape in case.outputs.items():
        assert got[name].shape == shape, name
        assert got[name].dtype == case.np_dtype, name
        assert got[name].flags.c_contiguous, name
        error = np.abs(got[name] - golden[name]).max(initial=0.0)
        assert error <= bound * max(1.0, np.abs(golden[name]).max(initial=0.0)), name


def answer(adapter: Adapter, fields: Fields) -> Outputs:
    """The adapter's answer, after it has been found right."""
    case = case_of(fields)
    arrays = make_arrays(case)
    got = adapter.run(case, arrays.weights, arrays.inputs)
    assert_right(case, got, truth(case, arrays))
    return got


@pytest.mark.parametrize("fields", AGREE, ids=summary)
def test_agrees(adapter: Adapter, fields: Fields) -> None:
    answer(adapter, fields)


@pytest.mark.parametrize(("off", "on"), TOGGLES, ids=summary)
def test_every_option_makes_a_difference_and_is_right(adapter: Adapter, off: Fields, on: Fields) -> None:
    y = [answer(adapter, fields)["y"] for fields in (off, on)]
    assert np.abs(y[0] - y[1]).max() > 1e-2


def test_every_fused_activation_is_one_of_the_schema() -> None:
    from ai_edge_litert.schema_py_generated import ActivationFunctionType

    assert all(hasattr(ActivationFunctionType, name) for name in FUSED.values())


@pytest.mark.parametrize(("fields", "reason"), REFUSED, ids=summary)
def test_refuses(adapter: Adapter, fields: Fields, reason: str) -> None:
    case = case_of(fields)
    arrays = make_arrays(case)
    with pytest.raises(UnsupportedOption, match=reason):
        adapter.run(case, arrays.weights, arrays.inputs)


def test_knows_no_other_device_and_names_its_version(adapter: Adapter) -> None:
    with pytest.raises(AdapterUnavailable, match="no device 'gpu'; it has cpu"):
        LiteRT("gpu")
    assert list(adapter.versions) == ["ai-edge-litert"]
    assert int(adapter.versions["ai-edge-litert"].split(".")[0]) >= 2


# What a call leaves behind.


@pytest.mark.parametrize("fields", [{"layers": 2, "head": {"O": 2}}, BIDIRECTIONAL | {"h0": None}], ids=summary)
def test_a_model_can_be_called_again(adapter: Adapter, fields: Fields) -> None:
    case = case_of(fields)
    arrays, other = make_arrays(case), make_arrays(case_of(fields | {"seed": 8}))
    before = {name: array.tobytes() for name, array in arrays.flat.items()}
    for array in arrays.flat.values():
        array.flags.writeable = False  # as the arrays of a stored vector are
    model = adapter.prepare(case, arrays.weights)
    first = model(arrays.inputs)
    kept = {name: array.tobytes() for name, array in first.items()}
    inputs = {name: array for name, array in other.flat.items() if name.startswith("inputs.")}
    assert_right(case, model(other.inputs), truth(case, Arrays.from_tensors(dict(arrays.flat) | inputs)))
    again = model(arrays.inputs)
    for name, data in kept.items():
        assert data == first[name].tobytes() == again[name].tobytes(), name
    assert before == {name: array.tobytes() for name, array in arrays.flat.items()}


def test_a_stream_goes_on_from_what_the_interpreter_has_kept(adapter: Adapter) -> None:
    case = case_of({"T": 4, "layers": 2, "blocks": (2, 2)})
    arrays = make_arrays(case)
    model: Any = adapter.prepare(case, arrays.weights)
    first = model(replace(arrays.inputs, x=arrays.inputs.x[:2]))
    # The interpreter's own states are lost here. Whoever goes on from them notices, whoever sets them does not.
    model._interpreter.reset_all_variables()
    rest = replace(arrays.inputs, x=arrays.inputs.x[2:])
    kept = model(replace(rest, h0=first["h_n"], c0=first["c_n"]))
    given = model(replace(rest, h0=first["h_n"].copy(), c0=first["c_n"].copy()))
    from_zeros = model(replace(rest, h0=None, c0=None))
    assert all(kept[name].tobytes() == from_zeros[name].tobytes() for name in kept)
    assert np.abs(given["y"] - truth(case, arrays)["y"][2:]).max() < 1e-6 < np.abs(given["y"] - kept["y"]).max()


def test_weights_come_back_from_the_layout() -> None:
    weights = make_arrays(case_of(PROJECTION | {"peephole": True})).weights.rows[0]
    back = unpack(LITERT, pack(LITERT, weights), input_size=4, hidden_size=6)
    for name in ("W", "R", "bias", "peephole", "projection"):
        assert np.array_equal(getattr(back, name), getattr(weights, name)), name
