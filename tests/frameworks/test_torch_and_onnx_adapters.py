"""The adapters of torch, ONNX Runtime, onnx.reference and torch's exporters against the reference in float64.

Each runs where its packages are installed and is skipped elsewhere.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter
from conformance.adapters.onnx_evaluator import OnnxEvaluator
from conformance.adapters.onnxruntime_lstm import Engine, OnnxRuntime
from conformance.adapters.torch_export import TorchDynamoExport, TorchScriptExport
from conformance.adapters.torch_lstm import TorchLSTM, TorchLSTMCell
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.options import PARAMETERS, Activation
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference

Fields = dict[str, Any]

PACKAGES: dict[type[Adapter], tuple[str, ...]] = {
    TorchLSTM: ("torch",),
    TorchLSTMCell: ("torch",),
    OnnxRuntime: ("onnx", "onnxruntime"),
    OnnxEvaluator: ("onnx",),
    TorchScriptExport: ("torch", "onnxruntime"),
    TorchDynamoExport: ("torch", "onnx", "onnxscript", "onnxruntime"),
}

ALPHA_BETA = {"alpha": 0.25, "beta": 0.375}
"""Parameters that no framework has as its defaults, exact in every format."""

FACTOR = 4.0
"""How many times u * sqrt(T * n) an honest error may be, n the longest dot product; 2.5 has been seen."""


def activation(name: str) -> Fields:
    return {"name": name} | {parameter: ALPHA_BETA[parameter] for parameter in PARAMETERS.get(name, ())}


MIXED = [
    {
        "gate": activation("hard_sigmoid"),
        "cell": activation("leaky_relu"),
        "hidden": activation("scaled_tanh"),
    },
    {"gate": activation("affine"), "cell": activation("elu"), "hidden": activation("thresholded_relu")},
]
SHAPES: list[Fields] = [
    {},
    {"T": 1},
    {"T": 1, "layers": 1, "head": {"O": 3}},
    {"B": 1},
    {"H": 1},
    {"T": 1, "B": 1, "I": 1, "H": 1},
    {"T": 20, "B": 7, "I": 3, "H": 17},
    {"layers": 3},
    {"bias": False},
    {"h0": None},
    {"c0": None},
    {"h0": None, "c0": None},
    {"layers": 2, "c0": None},
    {"head": {"O": 2}},
    {"head": {"O": 2, "after": "last_step"}, "layers": 2},
    {"blocks": (2, 3)},
    {"T": 4, "blocks": (1, 1, 1, 1), "head": {"O": 3}},
    {"T": 4, "blocks": (1, 1, 1, 1), "h0": None, "c0": None, "bias": False},
    {"blocks": (1, 3, 1), "h0": None, "layers": 2, "head": {"O": 2, "after": "last_step"}},
    {"direction": "reverse"},
    {"direction": "reverse", "layers": 2, "head": {"O": 2}},
    {"direction": "bidirectional", "bias": False},
    {"direction": "bidirectional", "layers": 3, "head": {"O": 2}},
]
LENGTHS: list[Fields] = [
    {"lengths": (3, 5, 2), "padding": math.nan},
    {"lengths": (3, 4, 2), "padding": math.nan, "direction": "reverse", "layers": 2},
    {"lengths": (3, 5, 2), "padding": math.nan, "direction": "bidirectional", "layers": 2, "head": {"O": 2}},
    {"lengths": (1, 2, 1), "h0": None, "c0": None},
    {"lengths": (4,), "B": 1, "c0": None},
    {"lengths": (2, 2, 2), "direction": "bidirectional"},
]
# Of torch's own layers these are tested beside TensorFlow's options; here they go through an exporter.
EXPORTED: list[Fields] = [
    {"layout": "batch_major", "head": {"O": 2}},
    {"layout": "batch_major", "lengths": (3, 5, 2), "padding": math.nan, "layers": 2, "direction": "bidirectional"},
    {"layout": "batch_major", "blocks": (2, 3), "head": {"O": 2, "after": "last_step"}},
    {"lengths": (5, 3, 2), "lengths_via": "packed-sorted"},
    {"lengths": (3, 5, 2), "lengths_via": "packed", "calls": (1, 2)},
    {"calls": (2, 1), "h0": None, "c0": None},
]
ACTIVATIONS: list[Fields] = [
    *({"activations": {position: activation(n)}} for position in ("gate", "cell", "hidden") for n in FUNCTIONS),
    {"activations": MIXED, "direction": "bidirectional", "lengths": (3, 5, 2)},
    {"activations": MIXED[::-1], "direction": "bidirectional", "layers": 2},
    {"activations": MIXED[0], "direction": "reverse"},
]
GRID: dict[type[Adapter], list[Fields]] = {
    TorchLSTM: SHAPES + LENGTHS,
    TorchLSTMCell: SHAPES,
    OnnxRuntime: SHAPES + LENGTHS + ACTIVATIONS,
    # onnx's evaluator ignores sequence_lens and activations: a deviation of onnx, recorded where those are.
    OnnxEvaluator: SHAPES,
    # An export takes up to seconds: one format, but for a few; with torch.export as few cases as will do.
    TorchScriptExport: [*SHAPES, *LENGTHS, *EXPORTED, *({"dtype": "float16"} | fields for fields in LENGTHS)],
    TorchDynamoExport: [
        {"T": 4, "B": 1, "blocks": (2, 2), "bias": False, "h0": None},
        {"layout": "batch_major", "layers": 2, "direction": "bidirectional", "calls": (2, 1), "head": {"O": 2}},
    ],
}
FORMATS: dict[type[Adapter], set[str]] = {TorchScriptExport: {"float32"}, TorchDynamoExport: {"float32"}}


def case_of(fields: Fields) -> Case:
    return Case.model_validate({"id": "test/adapter", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6} | fields)


@functools.cache
def made(kind: type[Adapter], device: str = "cpu") -> Adapter:
    return kind(device)


def adapter_of(kind: type[Adapter]) -> Adapter:
    for package in PACKAGES[kind]:
        pytest.importorskip(package)
    return made(kind)


def truth(case: Case, arrays: Arrays) -> Outputs:
    wide = {name: a if name == "inputs.lengths" else a.astype(np.float64) for name, a in arrays.flat.items()}
    return Reference(case).run(Arrays.from_tensors(wide))


def assert_right(case: Case, got: Outputs, golden: Outputs) -> None:
    assert list(got) == list(case.outputs)
    bound = FACTOR * UNIT_ROUNDOFF[case.dtype] * math.sqrt(case.T * (case.I + case.H))
    for name, shape in case.outputs.items():
        assert got[name].shape == shape, name
        assert got[name].dtype == case.np_dtype, name
        error = np.abs(got[name].astype(np.float64) - golden[name])
        assert error.max() <= bound * np.abs(golden[name]).max(), name


def accepted(grid: dict[type[Adapter], list[Fields]]) -> list[Any]:
    """Each adapter with each set of fields that its capabilities take, in each format."""
    found = []
    for kind, rows in grid.items():
        for dtype in sorted(FORMATS.get(kind, kind.capabilities.dtypes)):
            cases = [{"dtype": dtype} | fields for fields in rows]
            taken = [fields for fields in cases if kind.capabilities.refusal(case_of(fields)) is None]
            found += [pytest.param(kind, f, id=f"{kind.name}-{case_of(f).summary()}") for f in taken]
    return found


@pytest.mark.parametrize(("kind", "fields"), accepted(GRID))
def test_agrees_with_the_reference_in_float64(kind: type[Adapter], fields: Fields) -> None:
    adapter = adapter_of(kind)
    case = case_of(fields)
    arrays = make_arrays(case)
    assert_right(case, adapter.run(case, arrays.weights, arrays.inputs), truth(case, arrays))


@pytest.mark.parametrize("kind", [TorchLSTM, TorchLSTMCell, OnnxRuntime])
@pytest.mark.parametrize("fields", [{"T": 1}, {"T": 4, "blocks": (1, 1, 1, 1)}, {"direction": "bidirectional"}])
def test_agrees_with_the_reference_on_cuda(kind: type[Adapter], fields: Fields) -> None:
    adapter_of(kind)
    case = case_of(fields)
    try:
        adapter = made(kind, "cuda")
    except AdapterUnavailable as error:
        pytest.skip(str(error))
    if kind.capabilities.refusal(case) is not None:
        pytest.skip("not one of its cases")
    arrays = make_arrays(case)
    assert_right(case, adapter.run(case, arrays.weights, arrays.inputs), truth(case, arrays))


CALLED: dict[type[Adapter], Fields] = {
    TorchLSTM: {"direction": "bidirectional", "lengths": (3, 5, 2), "head": {"O": 2}},
    TorchLSTMCell: {"T": 1, "head": {"O": 2}},
    OnnxRuntime: {"direction": "bidirectional", "lengths": (3, 5, 2), "head": {"O": 2}},
    OnnxEvaluator: {"direction": "bidirectional", "head": {"O": 2}},
    TorchScriptExport: {"direction": "bidirectional", "lengths": (3, 5, 2), "head": {"O": 2}},
    TorchDynamoExport: {"direction": "bidirectional", "layers": 2, "c0": None, "head": {"O": 2}},
}


@pytest.mark.parametrize(("kind", "fields"), accepted({kind: [fields] for kind, fields in CALLED.items()}))
def test_a_model_can_be_called_again(kind: type[Adapter], fields: Fields) -> None:
    adapter = adapter_of(kind)
    case = case_of(fields)
    arrays = make_arrays(case)
    before = {name: array.tobytes() for name, array in arrays.flat.items()}
    for array in arrays.flat.values():
        array.flags.writeable = False  # as the arrays of a stored vector are
    model = adapter.prepare(case, arrays.weights)
    first = model(arrays.inputs)
    kept = {name: array.copy() for name, array in first.items()}
    other = make_arrays(case_of(fields | {"seed": 8}))
    assert_right(case, model(other.inputs), truth(case, Arrays.from_tensors(_with_inputs(arrays, other))))
    second = model(arrays.inputs)
    for name, array in kept.items():
        assert array.tobytes() == first[name].tobytes() == second[name].tobytes(), name
        assert first[name].flags.c_contiguous, name
        assert first[name].flags.writeable, name
    assert before == {name: array.tobytes() for name, array in arrays.flat.items()}


def _with_inputs(arrays: Arrays, other: Arrays) -> dict[str, Array]:
    inputs = {name: array for name, array in other.flat.items() if name.startswith("inputs.")}
    return dict(arrays.flat) | inputs


class TestOnnxModel:
    """What the graph says, whatever the engine makes of it: onnx's evaluator ignores some of it."""

    @pytest.fixture(autouse=True)
    def _onnx(self) -> None:
        pytest.importorskip("onnx")

    def node(self, fields: Fields) -> tuple[dict[str, Any], list[str]]:
        """Attributes and inputs of the last LSTM node of a case's model."""
        import onnx

        case = case_of(fields)
        model = onnx_model.build(case, make_arrays(case).weights, case.h0 is not None, case.c0 is not None)
        node = [node for node in model.graph.node if node.op_type == "LSTM"][-1]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        return attributes, list(node.input)

    def test_leaves_out_what_is_at_its_default(self) -> None:
        attributes, inputs = self.node({"bias": False, "h0": None, "c0": None})
        assert attributes == {"direction": b"forward", "hidden_size": 6}
        assert inputs == ["x", "W.0", "R.0"]

    def test_takes_only_the_state_that_is_there(self) -> None:
        assert self.node({"h0": None, "layers": 2})[1] == ["y.0", "W.1", "R.1", "B.1", "", "", "c0.1"]
        assert self.node({"c0": None, "lengths": (1, 2, 3)})[1] == [
            "x",
            "W.0",
            "R.0",
            "B.0",
            "lengths",
            "h0.0",
        ]

    def test_packs_the_parameters_of_those_activations_that_take_them(self) -> None:
        attributes, _ = self.node({"activations": MIXED, "direction": "bidirectional"})
        names = [b"HardSigmoid", b"LeakyRelu", b"ScaledTanh", b"Affine", b"Elu", b"ThresholdedRelu"]
        assert attributes["activations"] == names
        assert attributes["activation_alpha"] == [0.25] * 6
        assert attributes["activation_beta"] == [0.375] * 3

    def test_gives_each_direction_its_activations(self) -> None:
        attributes, _ = self.node({"activations": {"cell": "linear"}, "direction": "bidirectional"})
        assert attributes["activations"] == [b"Sigmoid", b"Affine", b"Tanh"] * 2
        assert attributes["activation_alpha"] == [1.0, 1.0]
        assert attributes["activation_beta"] == [0.0, 0.0]

    def test_refuses_a_parameter_that_float32_cannot_hold(self) -> None:
        hard_sigmoid = Activation(name="hard_sigmoid", alpha=0.2, beta=0.5)
        fields: Fields = {"activations": {"gate": hard_sigmoid}}
        assert self.node(fields)[0]["activation_alpha"] == [pytest.approx(0.2)]
        with pytest.raises(UnsupportedOption, match=r"activation_alpha in float32; 0\.2"):
            self.node(fields | {"dtype": "float64"})


REFUSED: list[tuple[type[Adapter], Fields, str]] = [
    (TorchLSTM, {"direction": "reverse"}, "torch runs bidirectional and forward, not reverse"),
    (TorchLSTM, {"activations": {"cell": "relu"}}, "does not take relu as its cell activation"),
    (TorchLSTM, {"activations": {"gate": activation("hard_sigmoid")}}, "does not take hard_sigmoid"),
    (TorchLSTM, {"forget_bias": 1.0}, "has no forget bias at run time"),
    (TorchLSTM, {"lengths": (0, 3, 5)}, "takes lengths of 1 or more"),
    (TorchLSTMCell, {}, "makes at most 1 step"),
    (TorchLSTMCell, {"blocks": (1, 1, 1, 2)}, "makes at most 1 step"),
    (TorchLSTMCell, {"T": 1, "layers": 2}, "has at most 1 layer"),
    (TorchLSTMCell, {"T": 1, "direction": "bidirectional"}, "runs forward, not bidirectional"),
    (TorchLSTMCell, {"T": 1, "lengths": (1, 1, 1)}, "takes no lengths"),
    (OnnxRuntime, {"dtype": "float64"}, "computes in float16 and float32, not in float64"),
    (OnnxRuntime, {"dtype": "bfloat16"}, "computes in float16 and float32, not in bfloat16"),
    (OnnxRuntime, {"forget_bias": 1.0}, "has no forget bias at run time"),
    (OnnxEvaluator, {"forget_bias": 1.0}, "has no forget bias at run time"),
    (TorchScriptExport, {"direction": "reverse"}, "not reverse"),
    (TorchScriptExport, {"dtype": "float64"}, "not in float64"),
    (
        TorchScriptExport,
        {"activations": {"hidden": "linear"}},
        "does not take linear as its hidden activation",
    ),
    (TorchScriptExport, {"P": 2}, "ONNX export of operator LSTM, LSTMs with projections"),
    (TorchScriptExport, {"lengths": (3, 5, 2), "lengths_via": "packed-sorted"}, "takes the longest row first"),
    (TorchDynamoExport, {"lengths": (3, 5, 2)}, "torch.export cannot trace a packed sequence"),
]


@pytest.mark.parametrize(("kind", "fields", "reason"), REFUSED)
def test_refuses(kind: type[Adapter], fields: Fields, reason: str) -> None:
    adapter = adapter_of(kind)
    case = case_of(fields)
    arrays = make_arrays(case)
    with pytest.raises(UnsupportedOption, match=reason):
        adapter.run(case, arrays.weights, arrays.inputs)


def test_torch_says_which_device_it_does_not_find() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.raises(AdapterUnavailable, match=r"torch: torch .* finds no CUDA device here"):
            TorchLSTM("cuda")
    with pytest.raises(AdapterUnavailable, match="torch has no device 'tpu'; it has cpu, cuda, mps"):
        TorchLSTM("tpu")


def test_onnxruntime_says_which_provider_it_does_not_have() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(AdapterUnavailable, match=r"has no CUDAExecutionProvider here; it has .*CPU"):
            OnnxRuntime("cuda")


@pytest.mark.parametrize("kind", PACKAGES, ids=lambda kind: kind.name)
def test_versions_name_the_deciding_package_first(kind: type[Adapter]) -> None:
    versions = adapter_of(kind).versions
    assert next(iter(versions)) == PACKAGES[kind][-1 if kind is OnnxRuntime else 0]
    assert all(type(version) is str and version[0].isdigit() for version in versions.values())


class TestGroundsOfTheRefusals:
    """A capability repeats what the framework says of itself, so the framework must still say it."""

    def load_and_run(self, dtype: str) -> None:
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        case = case_of({"dtype": dtype})
        arrays = make_arrays(case)
        model = onnx_model.build(case, arrays.weights, True, True)
        runner = Engine("cpu").load(model.SerializeToString())
        runner(onnx_model.feeds(arrays.inputs, np.dtype(np.int32)))

    def test_onnxruntime_has_no_float64(self) -> None:
        with pytest.raises(Exception, match="LSTM operator does not support double yet"):
            self.load_and_run("float64")

    def test_onnxruntime_has_no_bfloat16(self) -> None:
        with pytest.raises(UnsupportedOption, match="NOT_IMPLEMENTED"):
            self.load_and_run("bfloat16")

    def test_torch_takes_no_length_of_zero(self) -> None:
        adapter = adapter_of(TorchLSTM)
        case = case_of({"lengths": (3, 5, 2)})
        arrays = make_arrays(case)
        inputs = replace(arrays.inputs, lengths=np.array([0, 5, 2]))
        with pytest.raises(RuntimeError, match="greater than 0"):
            adapter.prepare(case, arrays.weights)(inputs)
