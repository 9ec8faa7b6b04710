"""LSTM operators of ONNX and TensorFlow Lite models: their weights and options; damaged models are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.convert.moving import Request, carried_out
from conformance.golden.inputs import make_arrays
from conformance.weights.finding import find
from conformance.weights.found import FoundLayer
from conformance.weights.reading import read

ONNX_CASES = [
    {},
    {"direction": "bidirectional", "peephole": True},
    {"direction": "reverse", "bias": False, "dtype": "float16"},
    {"activations": [{"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}, "hidden": "softsign"}]},
    {"gate_clip": {"bound": 3.0, "reading": "gates"}, "coupling": "forget=1-input"},
]
TFLITE_CASES = [
    {"direction": "bidirectional", "peephole": True},
    {"P": 3, "projection_bias": True, "cell_clip": 2.0, "projection_clip": 1.0},
    {"coupling": "input=1-forget", "layer_norm": "nnapi"},
    {"activations": [{"cell": "relu", "hidden": "relu"}]},
]


def made(options: dict[str, Any]) -> tuple[Case, Arrays]:
    case = Case.model_validate({"id": "a/b", "T": 2, "B": 2, "I": 3, "H": 4, "h0": None, "c0": None, **options})
    return case, make_arrays(case)


def the_only(path: Path) -> FoundLayer:
    (layer,) = find(read(path)).layers
    return layer


def demand_same(layer: FoundLayer, case: Case, arrays: Arrays) -> None:
    again = layer.case(id="a/b", T=2, B=2, h0=None, c0=None)
    assert again.model_dump(exclude={"bias"}) == case.model_dump(exclude={"bias"})
    found = layer.weights.flat
    for name, array in arrays.weights.flat.items():
        if name.startswith("b_"):
            continue
        coupled = case.coupling == "input=1-forget" and array.shape[:1] == (4,)
        assert np.array_equal(found[name][1:] if coupled else found[name], array[1:] if coupled else array), name


def problem(path: Path) -> str:
    with pytest.raises(ConformanceError) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.onnx
@pytest.mark.parametrize("options", ONNX_CASES, ids=str)
def test_an_onnx_node_gives_its_options_and_weights(options: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from conformance.adapters.onnx_model import build

    case, arrays = made(options)
    (tmp_path / "m.onnx").write_bytes(build(case, arrays.weights, False, False).SerializeToString())
    layer = the_only(tmp_path / "m.onnx")
    demand_same(layer, case, arrays)
    if case.bias:
        assert np.array_equal(layer.weights.rows[0].b_r, arrays.weights.rows[0].b_r)


def node(text: str, weights: str = "") -> bytes:
    import onnx.parser

    return onnx.parser.parse_model(f"""<ir_version: 10, opset_import: ["": 22]>
    g (float[T, B, 1] x) => (float[T, 1, B, 1] y) {weights} {{ {text} }}""").SerializeToString()


CONSTANTS = "<float[1, 4, 1] W = {1, 2, 3, 4}, float[1, 4, 1] R = {1, 2, 3, 4}>"


@pytest.mark.onnx
def test_parameters_that_are_left_out_are_the_operators_own_and_are_told(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    text = 'y = LSTM <hidden_size = 1, activations = ["HardSigmoid", "Tanh", "LeakyRelu"]> (x, W, R)'
    (tmp_path / "m.onnx").write_bytes(node(text, CONSTANTS))
    layer = the_only(tmp_path / "m.onnx")
    gate, hidden = (getattr(layer.case(id="a/b", T=1, B=1).activations[0], n) for n in ("gate", "hidden"))
    assert (gate.alpha, gate.beta, hidden.alpha) == (0.2, 0.5, 0.01)
    assert any("its slope is 0.2" in note for note in layer.notes)


@pytest.mark.onnx
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W2 = Sin (W)\n y = LSTM <hidden_size = 1> (x, W2, R)", "has weights that are not constant: W"),
        ("y = LSTM <hidden_size = 2> (x, W, R)", "has hidden_size 2, but R is (1, 4, 1)"),
        ('y = LSTM <hidden_size = 1, direction = "bidirectional"> (x, W, R)', "it needs (2, 4, 1)"),
        ('y = LSTM <hidden_size = 1, activations = ["Tanh"]> (x, W, R)', "1 activations; it needs 3"),
        ('y = LSTM <hidden_size = 1, activations = ["Mish", "Tanh", "Tanh"]> (x, W, R)', "the activation 'Mish'"),
    ],
)
def test_a_node_that_is_not_understood_says_why(text: str, words: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "m.onnx").write_bytes(node(text, CONSTANTS))
    found = find(read(tmp_path / "m.onnx"))
    assert not found.layers and words in found.others[0]


@pytest.mark.onnx
def test_weights_are_followed(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    text = """W1 = Constant <value = float[1, 4, 1] {1, 2, 3, 4}> ()
    W = Identity (W1)
    R = Constant <value = float[1, 4, 1] {5, 6, 7, 8}> ()
    y = LSTM <hidden_size = 1> (x, W, R)"""
    (tmp_path / "m.onnx").write_bytes(node(text))
    assert the_only(tmp_path / "m.onnx").weights.rows[0].R.ravel().tolist() == [5, 7, 8, 6]  # i f g o of i o f g


@pytest.mark.onnx
def test_a_model_that_is_damaged_or_leads_outside_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "m.onnx"
    path.write_bytes(data := node("y = LSTM <hidden_size = 1> (x, W, R)", CONSTANTS))
    for cut in (1, 10, len(data) // 2, len(data) - 3):
        path.write_bytes(data[:cut])
        assert "ONNX model" in problem(path)
    model = onnx.load_model_from_string(data)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.ones((1, 4, 1), np.float32), "W"))
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../w.bin")
    path.write_bytes(model.SerializeToString())
    assert "the external data of 'W' is outside the model's folder" in problem(path)
    model = onnx.load_model_from_string(data)
    model.graph.initializer[0].dims[1] = 2**40
    path.write_bytes(model.SerializeToString())
    assert "its tensors take more than 1024 MiB, the most that are read" in problem(path)
    model.graph.initializer[0].dims[1] = 5
    path.write_bytes(model.SerializeToString())
    assert "it is a damaged ONNX model" in problem(path)


@pytest.mark.onnx
def test_an_onnx_target_is_a_model_that_runs_on_any_number_of_steps_and_rows(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    from conformance.convert.tensors import packed
    from conformance.weights.named import NAMED

    np.savez(tmp_path / "a.npz", **packed(NAMED["gates"], made({})[1].weights, 1))
    carried_out(Request(tmp_path / "a.npz", tmp_path / "b.onnx"))
    session = ort.InferenceSession(tmp_path / "b.onnx")
    y, h_n, c_n = session.run(None, {"x": np.zeros((7, 5, 3), np.float32)})
    assert y.shape == (7, 5, 4) and h_n.shape == c_n.shape == (1, 5, 4)


@pytest.mark.litert
@pytest.mark.parametrize("options", TFLITE_CASES, ids=str)
def test_a_tflite_operator_gives_its_options_and_weights(options: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from conformance.adapters.litert_model import build

    case, arrays = made(options)
    (tmp_path / "m.tflite").write_bytes(build(case, arrays.weights).content)
    layer = the_only(tmp_path / "m.tflite")
    demand_same(layer, case, arrays)
    wanted = arrays.weights.rows[0].bias[1:]
    assert np.array_equal(layer.weights.rows[0].b_w[1:], wanted)
    carried_out(Request(tmp_path / "m.tflite", tmp_path / "again.tflite"))
    demand_same(the_only(tmp_path / "again.tflite"), case, arrays)


@pytest.mark.litert
def test_damaged_tflite_models_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from conformance.adapters.litert_model import build

    case, arrays = made({})
    data = build(case, arrays.weights).content
    path = tmp_path / "m.tflite"
    refused = 0
    for cut in range(8, len(data) - 4, 97):
        path.write_bytes(data[:cut])
        try:
            find(read(path))
        except ConformanceError as error:
            refused += "damaged" in str(error) and "\n" not in str(error)
    assert refused > 10


@pytest.mark.litert
def test_numbers_of_a_tflite_model_that_lie_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    from conformance.adapters.litert_model import build

    case, arrays = made({})
    model = schema.ModelT.InitFromPackedBuf(build(case, arrays.weights).content)
    model.subgraphs[0].tensors[4].shape = [10**6, 10**6]
    path = tmp_path / "m.tflite"
    path.write_bytes(bytes(convert_object_to_bytearray(model)))
    assert "damaged" in problem(path)
    model.subgraphs[0].operators[0].inputs = [0, 10**6]
    path.write_bytes(bytes(convert_object_to_bytearray(model)))
    assert "has an input that the model does not have" in problem(path)
