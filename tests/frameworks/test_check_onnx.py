"""`conformance check` and `import` on ONNX files with the engines that read them: every node as its file has it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from brought_files import answer, checked, outcomes
from command_line import conformance
from onnx_files import H, I, model, node, weights, written

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.models.bring import bring
from conformance.models.wanted import Wanted

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

helper = onnx.helper
W = weights()
WRB = {n: W[n] for n in "WRB"}
BOTH = ["onnxruntime", "onnx-reference"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def file(
    name: str, constants=None, opset: int = 14, dtype=np.float32, given=None, inputs=("X", "W", "R", "B"), **attributes
):
    made = model([node(inputs, **attributes)], constants or WRB, opset=opset, dtype=dtype, given=given)
    return written(Path(f"{name}.onnx"), made)


def test_the_whole_command_on_a_right_model():
    done = conformance("check", file("small"), "--adapter", "onnxruntime")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "small.onnx: 1 LSTM layer"
    assert "  onnxruntime, the file's own node  right: noise " in done.output


def test_the_own_node_is_what_runs_and_what_it_gets_wrong_is_known(tmp_path):
    """onnx's reference evaluator ignores activations, so only a node that has them tells whose node ran."""
    path = file("acts", activations=["HardSigmoid", "Relu", "Tanh"])
    result = checked(tmp_path, path, adapters=BOTH)
    assert outcomes(result) == {"lstm": [
        ("onnxruntime", True, "passed"),
        ("onnx-reference", True, "failed"),
        ("onnx-reference", False, "failed"),
    ]}  # fmt: skip
    wrong = answer(result, "lstm", "onnx-reference")
    assert [suspect.mistakes for suspect in wrong.record.suspects] == [("activations-ignored",)]
    assert "are ignored" in wrong.known
    assert result.wrong


REFUSED = {
    "clip-0": {"clip": 0.0},
    "layout": {"layout": 1},
    "float64": {"constants": {n: weights(dtype=np.float64)[n] for n in "WRB"}, "dtype": np.float64},
    "opset-1": {"opset": 1, "output_sequence": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_node_that_an_engine_refuses_is_not_wrong(name, tmp_path):
    result = checked(tmp_path, file("it", **REFUSED[name]), adapters=["onnxruntime"])
    (layer,) = result.layers
    own = layer.answers[0]
    assert (own.own_node, own.record.outcome) == (True, "unsupported")
    assert not result.wrong
    assert layer.case is not None
    # The same weights in the form that onnxruntime takes, where it takes them at all.
    assert [each.record.outcome for each in layer.answers[1:]] == {
        "clip-0": ["passed"], "opset-1": ["passed"], "layout": ["unsupported"]
    }.get(name, [])  # fmt: skip


def test_each_engine_is_judged_by_its_own_reading_of_the_clip(tmp_path):
    result = checked(tmp_path, file("clip", clip=0.5), adapters=["onnxruntime"])
    assert outcomes(result) == {
        "lstm-clip-gates": [("onnxruntime", True, "passed")],
        "lstm-clip-all": [("onnxruntime", True, "unsupported")],
    }


def test_two_files_with_nodes_of_one_name_keep_them_apart(tmp_path):
    other = written(Path("other.onnx"), model([node(direction="reverse")], WRB))
    result = checked(tmp_path, file("one"), other, adapters=["onnxruntime"])
    assert [[a.record.outcome for a in each.answers] for each in result.layers] == [["passed"], ["passed"]]


@pytest.mark.parametrize("reverse", [False, True])
def test_lengths_and_states_reach_the_node(reverse, tmp_path):
    """All inputs open; direction and lengths as the case has them."""
    inputs = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    shapes = {"sequence_lens": [None], "initial_h": [1, None, H], "initial_c": [1, None, H]}
    direction = "reverse" if reverse else "forward"
    path = file("all", WRB | {"P": W["P"]}, given=shapes, inputs=inputs, direction=direction)
    result = checked(tmp_path, path, adapters=["onnxruntime"])
    assert result.layers[0].case.lengths == (7, 5, 3)
    assert outcomes(result) == {"lstm": [("onnxruntime", True, "passed")]}


def test_batch_major_nodes_run_where_they_are_taken(tmp_path):
    result = checked(tmp_path, file("layout", layout=1), adapters=["onnx-reference"])
    assert outcomes(result) == {"lstm": [("onnx-reference", True, "passed")]}


def test_weights_stored_in_float16_are_judged_as_the_node_gets_them(tmp_path):
    half = W["W"].astype(np.float16)
    cast = helper.make_node("Cast", ["half"], ["W"], to=onnx.TensorProto.FLOAT)
    around = helper.make_node("Cast", ["given"], ["X"], to=onnx.TensorProto.FLOAT)
    made = model([cast, around, node()], {"half": half, "R": W["R"], "B": W["B"]})
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT16, ["b", 4, I]))
    result = checked(tmp_path, written(Path("half.onnx"), made), adapters=["onnxruntime"])
    assert outcomes(result) == {"lstm": [("onnxruntime", True, "passed")]}
    (case,) = [layer.case for layer in result.layers]
    stored = make_arrays(case).weights.rows[0].W
    assert np.array_equal(np.sort(stored, axis=None), np.sort(half.astype(np.float32), axis=None))


def test_a_file_without_an_lstm_is_exit_code_2():
    relu = helper.make_node("Relu", ["X"], ["Y"])
    done = conformance("check", written(Path("relu.onnx"), model([relu], {})), "--adapter", "onnxruntime")
    assert done.exit_code == 2
    assert "there is no LSTM in it, neither as an operator nor made of single ones" in done.output


def test_options_cannot_be_said_of_a_node_that_says_them():
    done = conformance("check", file("small"), "--set", "direction=reverse")
    assert done.exit_code == 2
    assert "an ONNX model says its options itself" in done.output


def test_the_first_of_nodes_that_are_numbered_on_can_be_chosen():
    nodes = [node(name="/rnn/LSTM"), node(name="/rnn/LSTM_1")]
    nodes[1].output[0] = "Y_1"
    path = written(Path("two.onnx"), model(nodes, WRB))
    done = conformance("check", path, "--adapter", "onnxruntime", "--prefix", "/rnn/LSTM")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("two.onnx: 1 LSTM layer\n\nLSTM '/rnn/LSTM'\n")
    done = conformance("convert", path, "gates.npz", "--to", "gates", "--layer", "/rnn/LSTM")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("two.onnx: /rnn/LSTM (onnx): ")


# What is kept and what was recorded.


def test_recorded_numbers_may_follow_either_reading_of_a_clip():
    path = file("clip", clip=0.5)
    assert conformance("import", path, "-o", "suite").exit_code == 0
    for case in load_specs(Path("suite/specs")):
        np.savez("out.npz", **reference_of(case).run(make_arrays(case)))
        done = conformance("check", path, "--recorded", "out.npz")
        assert done.exit_code == 0, done.output
        assert done.output.count("out.npz  right") == 1
        assert "what was recorded follows the other reading" in done.output
    np.savez("out.npz", y=np.ones((7, 3, H), np.float32))
    assert conformance("check", path, "--recorded", "out.npz").output.count("out.npz  FAILED") == 2


# A suite of one's own.


def test_an_imported_suite_runs_the_own_nodes():
    done = conformance("import", file("mine"), file("clipped", clip=0.5), "-o", "my-suite")
    assert done.exit_code == 0, done.output
    assert sorted(case.id for case in load_specs(Path("my-suite/specs"))) == [
        "clipped/lstm-clip-all", "clipped/lstm-clip-gates", "mine/lstm"
    ]  # fmt: skip
    folders = ["--specs", "my-suite/specs", "--vectors", "my-suite/vectors"]
    done = conformance("run", *folders, "--adapter", "my-suite/engines.py:OnnxRuntime")
    assert done.exit_code == 0, done.output
    assert "3 results, 0 unexpected" in done.output


def test_models_in_folders_and_with_external_data_below(tmp_path):
    below = tmp_path / "exported" / "data"
    below.mkdir(parents=True)
    made = model([node()], WRB)
    onnx.save(made, below.parent / "model.onnx", save_as_external_data=True, location="data/w.bin", size_threshold=0)
    assert bring(below.parent, Wanted()).layers
    (below.parent / "second.onnx").write_bytes(b"")
    with pytest.raises(ConformanceError, match="has 2 models in it; name one"):
        bring(below.parent, Wanted())


def test_the_json_names_the_engine_and_whose_node(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = conformance("check", file("small"), "--adapter", "onnxruntime", "--json")
    (layer,) = json.loads(done.output)[0]["layers"]
    (found,) = layer["answers"]
    assert (found["adapter"], found["own_node"], found["outcome"]) == ("onnxruntime", True, "passed")
    assert found["versions"] == {"onnxruntime": pytest.importorskip("onnxruntime").__version__}


# Files that lie: one line, nothing written.


def truncated() -> bytes:
    return model([node()], WRB).SerializeToString()[:-30]


def circular() -> bytes:
    around = [helper.make_node("Identity", ["W"], ["again"]), helper.make_node("Identity", ["again"], ["W"])]
    return model([*around, node()], {n: W[n] for n in "RB"}).SerializeToString()


def larger_than_it_is() -> bytes:
    made = model([node()], WRB)
    made.graph.initializer[0].dims[1] = 10**12
    return made.SerializeToString()


def outside() -> bytes:
    made = model([node()], WRB)
    tensor = made.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../elsewhere.bin")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (truncated, "is not an ONNX model, or is cut off"),
        (circular, "depends on itself"),
        (larger_than_it_is, "cannot be read"),
        (outside, "is outside the model's folder"),
    ],
)
def test_files_that_lie_get_one_error_from_both_commands(content, words):
    Path("lies.onnx").write_bytes(content())
    for command in (["check", "lies.onnx"], ["import", "lies.onnx", "-o", "suite"]):
        done = conformance(*command)
        assert done.exit_code == 2
        assert done.output.count(words) == 1
        assert "Traceback" not in done.output
    assert not Path("suite").exists()
