"""Sizes and inputs of LSTM nodes in ONNX files: the file's, the user's, and those of the whole model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import conformance
from onnx_files import H, I, model, node, weights, written

from conformance.case.errors import ConformanceError
from conformance.models.bring import bring
from conformance.models.wanted import Wanted

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

helper = onnx.helper
WRB = {n: weights()[n] for n in "WRB"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Sizes.


def turned(path: str = "turned.onnx", names=("batch", "steps")) -> Path:
    """A batch-first model, as torch exports it: the node's X is a transposition of the input."""
    swap = helper.make_node("Transpose", ["audio"], ["X"], perm=[1, 0, 2])
    made = model([swap, node()], WRB)
    made.graph.input[0].CopyFrom(helper.make_tensor_value_info("audio", onnx.TensorProto.FLOAT, [*names, I]))
    return written(Path(path), made)


def sizes(path: Path, **asked: int) -> tuple[int, int]:
    (layer,) = bring(path, Wanted(asked)).layers
    return layer.keys["T"], layer.keys["B"]


def test_sizes_are_followed_to_the_inputs_of_the_graph():
    assert sizes(turned(names=(4, 9))) == (9, 4)
    assert sizes(turned(), steps=9, batch=4) == (9, 4)
    assert sizes(turned(names=("N", "L")), L=11, N=2) == (11, 2)
    assert sizes(turned(names=("T", "B")), T=8) == (7, 8)  # the file's own name for an axis goes before ours


def test_a_size_that_the_file_has_no_name_for_is_refused():
    done = conformance("check", turned(), "--size", "frames=3")
    assert done.exit_code == 2
    assert (
        "--size frames: no LSTM has such an axis; give T=N or batch=N; the names in the file: batch, steps"
        in done.output
    )


# Inputs of the model.


def x_of(path: Path, given: Path) -> np.ndarray:
    (layer,) = bring(path, Wanted(), given).layers
    return layer.inputs["x"]


def test_inputs_of_the_model_are_followed_to_the_node():
    audio = np.random.default_rng(1).normal(size=(2, 9, I)).astype(np.float32)
    np.savez("given.npz", audio=audio)
    assert np.array_equal(x_of(turned(), Path("given.npz")), audio.swapaxes(0, 1))


def test_a_test_data_set_of_onnx_is_taken(tmp_path):
    audio = np.random.default_rng(1).normal(size=(2, 9, I)).astype(np.float32)
    for name in ("audio", "of another name"):
        (tmp_path / "input_0.pb").write_bytes(onnx.numpy_helper.from_array(audio, name).SerializeToString())
        assert np.array_equal(x_of(turned(), tmp_path), audio.swapaxes(0, 1))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"audio": np.ones((2, 9, 4), np.float32)}, "onnxruntime does not run it on these inputs"),
        (
            {"video": np.ones(2)},
            "'video' is neither an input of the model (audio) nor one of an LSTM (x, h0, c0, lengths",
        ),
    ],
)
def test_inputs_that_the_model_does_not_take(arrays, words):
    np.savez("given.npz", **arrays)
    with pytest.raises(ConformanceError) as raised:
        x_of(turned(), Path("given.npz"))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_damaged_test_data_set_is_refused(tmp_path):
    path = turned()
    with pytest.raises(ConformanceError, match=r"has no input_0\.pb"):
        x_of(path, tmp_path)
    (tmp_path / "input_0.pb").write_bytes(b"\xff\xff")
    with pytest.raises(ConformanceError, match=r"input_0\.pb: is not a tensor of ONNX"):
        x_of(path, tmp_path)


def test_what_reaches_a_node_inside_a_body_cannot_be_recorded():
    result = helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, None)
    body = helper.make_graph([node(name="inner")], "body", [], [result])
    branch = helper.make_node("If", ["flag"], ["Y"], name="choice", then_branch=body, else_branch=body)
    path = written(Path("if.onnx"), model([branch], WRB | {"flag": np.array(True)}))
    np.savez("given.npz", X=np.ones((4, 2, I), np.float32))
    with pytest.raises(ConformanceError, match="cannot be recorded, for it is not in the main graph"):
        x_of(path, Path("given.npz"))


@pytest.mark.parametrize(
    ("inputs", "given", "words"),
    [
        (("X", "W", "R", "B"), {"lengths": [1, 2]}, "lengths is given, but it has no sequence_lens"),
        (("X", "W", "R", "B"), {"h0": np.ones((1, 2, H), np.float32)}, "h0 is given, but it has no initial_h"),
    ],
)
def test_inputs_that_the_node_has_not(inputs, given, words):
    np.savez("given.npz", **given)
    with pytest.raises(ConformanceError, match=words):
        bring(written(Path("m.onnx"), model([node(inputs)], WRB)), Wanted(), Path("given.npz"))
