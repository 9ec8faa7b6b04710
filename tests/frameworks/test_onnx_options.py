"""The options of ONNX's LSTM operator in the engines that run it, against the reference in float64.

Each runs where its packages are installed and is skipped elsewhere. What an engine is known to get wrong stands in
deviations/, with a reproduction that is run in test_deviations.py; it is left out here.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters import layouts, onnx_model
from conformance.adapters.base import Adapter
from conformance.adapters.onnx_evaluator import OnnxEvaluator
from conformance.adapters.onnxruntime_lstm import OnnxRuntime
from conformance.adapters.openvino_lstm import OpenVino, OpenVinoStatic
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.reference import Reference
from conformance.verdict.contracts import Contracts

Fields = dict[str, Any]
Kind = type[Adapter]

PACKAGES: dict[Kind, tuple[str, ...]] = {
    OnnxRuntime: ("onnx", "onnxruntime"),
    OnnxEvaluator: ("onnx",),
    OpenVino: ("onnx", "openvino"),
    OpenVinoStatic: ("onnx", "openvino"),
}
OPENVINO = (OpenVino, OpenVinoStatic)
FACTOR = 4.0
"""How many times u * sqrt(T * n) an honest error may be, n the longest dot product."""

WIDE = {"c0": {"uniform": {"low": -3.0, "high": 3.0}}}
"""Cell states that a clip of 0.5 has something to do with."""
CLIP: Fields = {"gate_clip": {"bound": 0.5, "reading": "gates"}} | WIDE
COUPLED: Fields = {"coupling": "forget=1-input"}
TURNED: Fields = {"layout": "batch_major"}
EMPTY_ROWS: Fields = {"lengths": (0, 5, 3)}
BOTH: Fields = {"direction": "bidirectional"}

PEEPHOLES: list[Fields] = [
    {"peephole": True},
    {"peephole": True, "bias": False, "h0": None, "c0": None, "direction": "reverse"},
    {"peephole": True, "layers": 2} | BOTH,
    {"peephole": True, "calls": (2, 1)},
]
LENGTHS: list[Fields] = [
    EMPTY_ROWS,
    EMPTY_ROWS | BOTH | {"layers": 2, "h0": None},
    EMPTY_ROWS | {"direction": "reverse", "lengths_via": "argument"},
    {"lengths": (0, 0, 0), "padding": math.nan},
]
LAYOUT: list[Fields] = [
    TURNED,
    TURNED | BOTH | {"layers": 2, "head": {"O": 2}},
    TURNED | {"T": 6, "blocks": (2, 4), "head": {"O": 2, "after": "last_step"}},
    TURNED | {"calls": (1, 2), "c0": None, "peephole": True},
]
ACTIVATIONS: list[Fields] = [
    {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}},
    {
        "activations": {
            "cell": {"name": "elu", "defaults": "onnx"},
            "hidden": {"name": "leaky_relu", "defaults": "onnx"},
        }
    },
]
CALLS: list[Fields] = [
    {"calls": (1, 2)},
    {"calls": (2, 1), "h0": None, "layers": 2} | BOTH,
]
RIGHT: dict[Kind, list[Fields]] = {
    OnnxRuntime: [
        *PEEPHOLES,
        *LENGTHS,
        *ACTIVATIONS,
        *CALLS,
        CLIP,
        CLIP | {"bias": False, "peephole": True} | BOTH,
        COUPLED,
        COUPLED | CLIP | EMPTY_ROWS | {"peephole": True, "direction": "reverse"},
    ],
    OnnxEvaluator: [*PEEPHOLES, *LAYOUT, *CALLS],
    OpenVino: [*CALLS, CLIP, CLIP | BOTH],
    OpenVinoStatic: [*LENGTHS, *CALLS, CLIP, CLIP | EMPTY_ROWS | BOTH],
}
FORMATS: dict[Kind, tuple[str, ...]] = {
    OnnxRuntime: ("float32", "float16"),
    OnnxEvaluator: ("float32", "float64"),
    OpenVino: ("float32", "bfloat16"),
    OpenVinoStatic: ("float32", "float16"),
}


def case_of(fields: Fields) -> Case:
    return Case.model_validate({"id": "test/option", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6} | fields)


@functools.cache
def made(kind: Kind) -> Adapter:
    return kind("cpu")


def adapter_of(kind: Kind) -> Adapter:
    for package in PACKAGES[kind]:
        pytest.importorskip(package)
    return made(kind)


def answer(adapter: Adapter, fields: Fields) -> Outputs:
    case = case_of(fields)
    arrays = make_arrays(case)
    for array in arrays.flat.values():
        array.flags.writeable = False  # as the arrays of a stored vector are
    return adapter.run(case, arrays.weights, arrays.inputs)


def truth(adapter: Adapter, fields: Fields) -> Outputs:
    """The reference's answer to the same numbers in float64, under the adapter's contracts."""
    case = case_of(fields)
    wide = {
        n: a if a.dtype in (np.int64, np.bool_) else a.astype(np.float64) for n, a in make_arrays(case).flat.items()
    }
    contracts = Contracts(adapter.padded_y(case), adapter.empty_rows(case))
    return contracts.applied(case, Reference(case).run(Arrays.from_tensors(wide)))


def assert_right(adapter: Adapter, fields: Fields) -> None:
    case, got, golden = case_of(fields), answer(adapter, fields), truth(adapter, fields)
    assert list(got) == list(case.outputs)
    bound = FACTOR * UNIT_ROUNDOFF[case.dtype] * math.sqrt(case.T * (case.I + case.H))
    for name, shape in case.outputs.items():
        assert got[name].shape == shape and got[name].dtype == case.np_dtype, name
        error = np.abs(got[name].astype(np.float64) - golden[name])
        assert error.max(initial=0.0) <= bound * np.abs(golden[name]).max(initial=0.0), name


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        pytest.param(kind, {"dtype": dtype} | fields, id=f"{kind.name}-{case_of({'dtype': dtype} | fields).summary()}")
        for kind, rows in RIGHT.items()
        for fields in rows
        for dtype in FORMATS[kind]
    ],
)
def test_agrees_with_the_reference_in_float64(kind: Kind, fields: Fields) -> None:
    assert_right(adapter_of(kind), fields)


@pytest.mark.parametrize("kind", [OnnxRuntime, OpenVinoStatic])
def test_a_row_of_no_steps_leaves_zeros(kind: Kind) -> None:
    got = answer(adapter_of(kind), EMPTY_ROWS | BOTH)
    assert not got["h_n"][:, 0].any() and not got["c_n"][:, 0].any() and not got["y"][:, 0].any()
    assert got["h_n"][:, 1:].all() and got["c_n"][:, 1:].all()


@pytest.mark.parametrize("kind", PACKAGES)
def test_calls_do_not_see_each_other(kind: Kind) -> None:
    adapter = adapter_of(kind)
    case = case_of({})
    arrays = make_arrays(case)
    model = adapter.prepare(case, arrays.weights)
    first = model(arrays.inputs)
    kept = {name: array.copy() for name, array in first.items()}
    other = replace(arrays.inputs, x=arrays.inputs.x[:, :2] + 1, h0=arrays.inputs.h0[:, :2], c0=arrays.inputs.c0[:, :2])
    assert not np.array_equal(model(other)["y"], kept["y"][:, :2])
    again = model(arrays.inputs)
    for name, array in kept.items():
        assert np.array_equal(first[name], array) and np.array_equal(again[name], array), name


@pytest.mark.parametrize("kind", [OnnxEvaluator, *OPENVINO])
@pytest.mark.parametrize("tensor", ["x", "W.0", "R.0", "b_w.0", "h0", "c0"])
def test_nan_stays_where_it_belongs(kind: Kind, tensor: str) -> None:
    at = {"x": (1, 2, 0), "W.0": (1, 4, 2), "R.0": (0, 2, 5), "b_w.0": (3, 1), "h0": (0, 1, 3), "c0": (0, 2, 4)}[tensor]
    fields: Fields = {"poison": {"tensor": tensor, "at": at, "value": math.nan}}
    adapter = adapter_of(kind)
    got, golden = answer(adapter, fields), truth(adapter, fields)
    assert np.isnan(golden["y"]).any()
    for name in got:
        assert np.array_equal(np.isnan(got[name]), np.isnan(golden[name])), name


class TestModel:
    """What the graph says, whatever the engine makes of it: some ignore some of it."""

    @pytest.fixture(autouse=True)
    def _onnx(self) -> None:
        pytest.importorskip("onnx")

    def node(self, fields: Fields) -> tuple[dict[str, Any], list[str], dict[str, Array]]:
        """Attributes and inputs of the LSTM node of a case's model, and the model's constants."""
        import onnx

        case = case_of(fields)
        model = onnx_model.build(case, make_arrays(case).weights, case.h0 is not None, case.c0 is not None)
        node = next(node for node in model.graph.node if node.op_type == "LSTM")
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
        return attributes, list(node.input), constants

    def test_peepholes_are_the_last_input_in_the_order_i_o_f(self) -> None:
        fields: Fields = {"peephole": True, "h0": None, "c0": None, "bias": False} | BOTH
        _, inputs, constants = self.node(fields)
        assert inputs == ["x", "W.0", "R.0", "", "", "", "", "P.0"]
        rows = make_arrays(case_of(fields)).weights.rows
        wanted = [row.peephole[[0, 2, 1]].ravel() for row in rows]
        assert np.array_equal(constants["P.0"], np.stack(wanted))

    def test_each_option_has_its_attribute(self) -> None:
        plain = {"direction": b"forward", "hidden_size": 6}
        assert self.node({})[0] == plain
        assert self.node(CLIP)[0] == plain | {"clip": 0.5}
        assert self.node({"gate_clip": {"bound": 0.5, "reading": "all"}})[0] == plain | {"clip": 0.5}
        assert self.node(COUPLED)[0] == plain | {"input_forget": 1}
        assert self.node(TURNED)[0] == plain | {"layout": 1}

    def test_parameters_at_their_defaults_are_left_out(self) -> None:
        attributes, _, _ = self.node(ACTIVATIONS[1])
        assert attributes.keys() == {"direction", "hidden_size", "activations"}
        assert attributes["activations"] == [b"Sigmoid", b"Elu", b"LeakyRelu"]

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            (
                {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}, "hidden": "linear"}},
                "ONNX has linear as Affine",
            ),
            (
                {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}, "dtype": "float64"},
                r"activation_alpha in float32; 0\.2",
            ),
            ({"gate_clip": {"bound": 0.1, "reading": "all"}, "dtype": "float64"}, r"clip in float32; 0\.1"),
        ],
    )
    def test_what_the_operator_cannot_say_is_refused(self, fields: Fields, reason: str) -> None:
        with pytest.raises(UnsupportedOption, match=reason):
            self.node(fields)


REFUSED: list[tuple[Kind, Fields, str]] = [
    (OnnxRuntime, TURNED, r"Batchwise recurrent operations \(layout == 1\) are not supported"),
    (OnnxRuntime, {"gate_clip": {"bound": 0.5, "reading": "all"}}, "has no gate_clip all; it has gates"),
    (OnnxRuntime, {"coupling": "input=1-forget"}, "has no coupling input=1-forget; it has forget=1-input"),
    (OnnxRuntime, {"activations": {"cell": {"name": "elu", "defaults": "keras"}}}, "does not promise keras's"),
    (OnnxRuntime, {"cell_clip": 1.0}, "has no clip of the cell state"),
    (OnnxRuntime, {"P": 3}, "has no projection"),
    (OnnxRuntime, {"lengths": (1, 2, 3), "lengths_via": "packed"}, "does not take lengths by way of packed"),
    (OnnxEvaluator, CLIP, "has no gate_clip gates; it has all"),
    (OnnxEvaluator, {"coupling": "input=1-forget"}, "has no coupling input=1-forget"),
    (OpenVino, {"dtype": "float64"}, "computes in bfloat16 and float16 and float32, not in float64"),
    (OpenVino, {"activations": {"cell": "softsign"}}, "does not take softsign as its cell activation"),
    (OpenVino, {"activations": {"hidden": {"name": "elu", "alpha": 1.0}}}, r"does not take elu\(1\)"),
]


@pytest.mark.parametrize(("kind", "fields", "reason"), REFUSED)
def test_refuses(kind: Kind, fields: Fields, reason: str) -> None:
    with pytest.raises(UnsupportedOption, match=reason):
        answer(adapter_of(kind), fields)


@pytest.mark.parametrize("name", ["softsign", "softplus", "linear"])
def test_openvino_has_no_other_activations(name: str) -> None:
    adapter = adapter_of(OpenVino)
    case = case_of({"activations": {"cell": name}})
    arrays = make_arrays(case)
    with pytest.raises(RuntimeError, match="Unknown activation function"):
        adapter.prepare(case, arrays.weights)(arrays.inputs)


def test_openvino_says_its_version() -> None:
    versions = adapter_of(OpenVino).versions
    assert versions == adapter_of(OpenVinoStatic).versions
    assert all(part.isdigit() for part in versions["openvino"].split("."))


def test_peepholes_are_packed_and_unpacked() -> None:
    row = make_arrays(case_of({"peephole": True})).weights.rows[0]
    back = layouts.unpack(layouts.ONNX, layouts.pack(layouts.ONNX, row), 4, 6)
    for name in LayerWeights.__dataclass_fields__:
        assert np.array_equal(getattr(back, name), getattr(row, name)), name
    assert "P" not in layouts.pack(layouts.ONNX, replace(row, peephole=None))
