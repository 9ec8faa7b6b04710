#!/usr/bin/env bash
# OpenCV 5.0.0 (opencv-python-headless 5.0.0.93): the shapes of a model's outputs decide which parser and engine run it.
#
# Three files hold the same LSTM node with initial states and no bias; they differ in the graph's outputs. In ONNX the
# shape of an output is optional, and onnxruntime gives the same numbers for all three. OpenCV runs the model whose
# outputs have a rank but no sizes with its older parser and engine, after a warning in the log, and is right; with all
# sizes its newer engine runs it and raises "One or more matrix operands are empty"; without any shape it is not read at
# all. So a tool that infers shapes can break a model that ran.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (onnx 1.23.2, onnxruntime 1.31.1):
#   ranks only:  as onnxruntime
#   all sizes:   raises: One or more matrix operands are empty.
#   no shapes:   raises: tensor.has_shape()
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 onnx==1.23.2 \
    onnxruntime==1.31.1 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > shapes.py <<'PYTHON'
import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

T, B, I, H = 5, 3, 4, 6
generator = np.random.default_rng(0)
sizes = {"x": (T, B, I), "W": (1, 4 * H, I), "R": (1, 4 * H, H), "h0": (1, B, H), "c0": (1, B, H)}
arrays = {name: generator.normal(size=shape).astype(np.float32) for name, shape in sizes.items()}
node = helper.make_node("LSTM", ["x", "W", "R", "", "", "h0", "c0"], ["y", "h", "c"], hidden_size=H)
inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes[name]) for name in ("x", "h0", "c0")]
constants = [numpy_helper.from_array(arrays[name], name) for name in ("W", "R")]
feeds = {name: arrays[name] for name in ("x", "h0", "c0")}
full = {"y": [T, 1, B, H], "h": [1, B, H], "c": [1, B, H]}
OUTPUTS = {
    "ranks only": {name: [None] * len(shape) for name, shape in full.items()},
    "all sizes": full,
    "no shapes": dict.fromkeys(full),
}


def found(shapes):
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "g", inputs, outputs, constants)
    opset = helper.make_opsetid("", 22)
    data = helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()
    wanted = onnxruntime.InferenceSession(data).run(None, feeds)
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        for name, array in feeds.items():
            net.setInput(array, name)
        got = net.forward(["y", "h", "c"])
    except cv2.error as error:
        texts = ("One or more matrix operands are empty.", "tensor.has_shape()")
        return "raises: " + next((text for text in texts if text in str(error)), str(error))
    return "as onnxruntime" if all(map(np.allclose, got, wanted, [1e-5] * 3)) else "differs from onnxruntime"


seen = {name: found(shapes) for name, shapes in OUTPUTS.items()}
for name, text in seen.items():
    print(f"{name + ':':12} {text}")
expected = ["as onnxruntime", "raises: One or more matrix operands are empty.", "raises: tensor.has_shape()"]
raise SystemExit(None if list(seen.values()) == expected else "changed")
PYTHON
OPENCV_LOG_LEVEL=SILENT "$folder/venv/bin/python" shapes.py
