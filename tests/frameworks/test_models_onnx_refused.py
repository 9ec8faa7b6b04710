"""ONNX files that lie are refused, each with one clear line; nothing is read outside of their folder."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_files import model, node, through, weights, written

from conformance.case.errors import ConformanceError

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")

from onnx_layers import found, same_weights  # noqa: E402

from conformance.weights.onnx_find import find  # noqa: E402

helper = onnx.helper
W = weights()


def refused(path) -> str:
    with pytest.raises(ConformanceError) as raised:
        find(path)
    return str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08"])
def test_what_is_not_a_model_is_refused(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert "is not an ONNX model" in refused(path)


def test_a_model_that_is_cut_off_is_refused(tmp_path):
    path = written(tmp_path / "model.onnx", model([node()], {n: W[n] for n in "WRB"}))
    path.write_bytes(path.read_bytes()[:-40])
    assert "is not an ONNX model, or is cut off" in refused(path)


def test_a_circle_is_named(tmp_path):
    nodes = [helper.make_node("Identity", ["a"], ["W"]), helper.make_node("Identity", ["W"], ["a"])]
    in_model = found(tmp_path, through(*nodes))
    assert "depends on itself" in in_model.not_used[0].why


def test_a_tensor_that_would_be_too_large_is_not_made(tmp_path):
    made = through(helper.make_node("ConstantOfShape", ["shape"], ["W"]), constants={"shape": np.array([1 << 40])})
    assert "would make more than 512 MiB" in found(tmp_path, made).not_used[0].why


def test_a_tensor_with_another_size_than_it_says_is_named(tmp_path):
    made = model([node()], {n: W[n] for n in "WRB"})
    made.graph.initializer[0].dims[0] = 7
    assert "cannot be read" in found(tmp_path, made).not_used[0].why


def external(tmp_path, location: str, **more: str):
    made = model([node()], {n: W[n] for n in "WRB"})
    tensor = made.graph.initializer[0]
    (tmp_path / "inside.bin").write_bytes(b"\0" * 8 + tensor.raw_data)
    length = str(len(tensor.raw_data))
    onnx.external_data_helper.set_external_data(tensor, location, offset=8, length=int(length))
    for entry in tensor.external_data:
        entry.value = more.get(entry.key, entry.value)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    return written(tmp_path / "model.onnx", made)


def test_external_data_beside_the_model_is_read(tmp_path):
    assert same_weights(find(external(tmp_path, "inside.bin")).layers[0], W, "W", "R", "B")


@pytest.mark.parametrize(
    ("location", "more", "said"),
    [
        ("../outside.bin", {}, "is outside the model's folder"),
        ("/etc/hostname", {}, "is outside the model's folder"),
        ("gone.bin", {}, "No such file"),
        ("inside.bin", {"length": "8"}, "needs 240 bytes, and its external data says 8"),
        ("inside.bin", {"offset": "100"}, "ends before the data of 'W'"),
        ("inside.bin", {"offset": "many"}, "is not described rightly"),
    ],
)
def test_external_data_that_is_refused(location, more, said, tmp_path):
    assert said in refused(external(tmp_path, location, **more))


def test_a_link_to_external_data_outside_is_refused(tmp_path_factory):
    folder, elsewhere = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "w.bin").write_bytes(b"\0" * 400)
    (folder / "link.bin").symlink_to(elsewhere / "w.bin")
    assert "is outside the model's folder" in refused(external(folder, "link.bin"))
