#!/usr/bin/env bash
# onnx 1.23.2: check_model(full_check=True) accepts LSTM nodes whose attributes cannot hold.
#
# Expected: the checker with full_check refuses a node that the operator's text rules out. In fact only an attribute's
# name and type are looked at. These pass: an activation and a direction that do not exist, three activations for two
# directions (the text asks for six), a negative clip, a layout of 5, "bidirectional" with weights of one direction,
# and hidden_size 7 beside W and R of 4 cells. For the last one strict shape inference goes by hidden_size and promises
# Y a width of 7 without looking at R. Whoever takes a model file for sound because the checker passed it has to look
# again. https://onnx.ai/onnx/operators/onnx__LSTM.html
#
# Seen:
#   accepted: activations Sigmoid, Tanh, Swish
#   accepted: direction backward
#   accepted: three activations on two directions
#   accepted: clip -1
#   accepted: layout 5
#   accepted: bidirectional, weights of one direction
#   accepted: hidden_size 7, R of 4
#   refused: an attribute that does not exist
#   inferred shape of Y with hidden_size 7, R of 4: [5, 1, 2, 7]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'onnx==1.23.2' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - <<'PYTHON'
import onnx
from onnx import TensorProto, checker, helper, shape_inference

T, B, I, H = 5, 2, 3, 4


def model(directions=1, **attributes):
    shapes = {"X": [T, B, I], "W": [directions, 4 * H, I], "R": [directions, 4 * H, H]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["t", "d", "b", "h"])
    node = helper.make_node("LSTM", list(shapes), ["Y"], **({"hidden_size": H} | attributes))
    graph = helper.make_graph([node], "lstm", inputs, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])


accepted = {
    "activations Sigmoid, Tanh, Swish": model(activations=["Sigmoid", "Tanh", "Swish"]),
    "direction backward": model(direction="backward"),
    "three activations on two directions": model(2, direction="bidirectional", activations=["Sigmoid", "Tanh", "Tanh"]),
    "clip -1": model(clip=-1.0),
    "layout 5": model(layout=5),
    "bidirectional, weights of one direction": model(direction="bidirectional"),
    "hidden_size 7, R of 4": model(hidden_size=7),
}
for name, contradiction in accepted.items():
    checker.check_model(contradiction, full_check=True)
    print("accepted:", name)
try:
    checker.check_model(model(no_such_attribute=1), full_check=True)
except checker.ValidationError:
    print("refused: an attribute that does not exist")
else:
    raise SystemExit("changed: an unknown attribute is accepted too")
inferred = shape_inference.infer_shapes(accepted["hidden_size 7, R of 4"], strict_mode=True, data_prop=True)
shape = [size.dim_value for size in inferred.graph.output[0].type.tensor_type.shape.dim]
print("inferred shape of Y with hidden_size 7, R of 4:", shape)
raise SystemExit(None if shape == [5, 1, 2, 7] and onnx.__version__ == "1.23.2" else "changed")
PYTHON
