#!/usr/bin/env bash
# onnxruntime 1.31.1, quantize_dynamic: an LSTM node's attribute layout=1 is dropped without a word.
#
# The model has x (B, T, I) and layout=1, which onnxruntime itself refuses to run. Expected: quantize_dynamic refuses it,
# too, or keeps the attribute. In fact the DynamicQuantizeLSTM that takes the node's place has no such attribute, and
# computes the answer of a time-major model: x (3, 2, I) of 3 rows and 2 steps is taken for 3 steps of 2 rows. Ends with
# 0 while the behaviour is this, with 1 once it is not.
#
# Seen:
#   as it is: refused
#   attributes of DynamicQuantizeLSTM: hidden_size
#   y (3, 2, 1, 4) in (B, T, D, H) is needed; it is (3, 1, 2, 4) of 3 steps
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 sympy==1.14.0 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/quantise.py" <<'PYTHON'
import logging
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
random = np.random.default_rng(0)
constants = [
    numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
    for name, shape in (("W", (1, 16, 3)), ("R", (1, 16, 4)))
]
node = helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=4, layout=1)
given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 2, 3])
wanted = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
graph = helper.make_graph([node], "g", [given], [wanted], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
onnxruntime.set_default_logger_severity(4)
try:
    onnxruntime.InferenceSession(model.SerializeToString())
    print("as it is: it runs")
except Exception as error:
    print("as it is:", "refused" if "(layout == 1) are not supported" in str(error) else error)
path = sys.argv[1] + "/quantised.onnx"
quantize_dynamic(model, path, op_types_to_quantize=["LSTM"])
(quantised,) = (each for each in onnx.load(path).graph.node if each.op_type == "DynamicQuantizeLSTM")
names = [attribute.name for attribute in quantised.attribute]
print("attributes of DynamicQuantizeLSTM:", ", ".join(names))
x = random.standard_normal((3, 2, 3)).astype(np.float32)
(y,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
print(f"y (3, 2, 1, 4) in (B, T, D, H) is needed; it is {y.shape} of 3 steps")
raise SystemExit(None if "layout" not in names and y.shape == (3, 1, 2, 4) else "changed")
PYTHON
"$folder/venv/bin/python" "$folder/quantise.py" "$folder"
