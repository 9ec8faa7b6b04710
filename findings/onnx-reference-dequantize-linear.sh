#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator cannot run DequantizeLinear in a model of an opset below 19.
#
# Expected: onnx.reference.ReferenceEvaluator, which is the executable definition of the operators, runs the operators
# of every opset, as it does with LSTM of opset 7 and with QuantizeLinear of opset 13. DequantizeLinear is an operator
# since opset 10 and most quantised models are of opsets 13 to 18, but the evaluator has only its versions from 19 on and
# raises "No implementation for operator". The same node with the same inputs runs in a model of opset 19. Whoever folds
# quantised weights by the reference has to raise the opset for this node.
#
# Seen:
#   LSTM of opset 7: runs
#   LSTM of opset 22: runs
#   DequantizeLinear of opset 13: No implementation
#   DequantizeLinear of opset 18: No implementation
#   DequantizeLinear of opset 19: runs, 2.0
#   QuantizeLinear of opset 13: runs, 4
#   QuantizeLinear of opset 19: runs, 4
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'onnx==1.23.2' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import onnx
from onnx import checker, helper
from onnx.reference import ReferenceEvaluator


def run(kind, opset, inputs, **attributes):
    """Says whether a model of one node runs, and its first number if it is one."""
    types = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in inputs.items()}
    given = [helper.make_tensor_value_info(name, types[name], array.shape) for name, array in inputs.items()]
    y = helper.make_tensor_value_info("y", onnx.TensorProto.INT8 if kind == "QuantizeLinear" else onnx.TensorProto.FLOAT, ["n"] if kind != "LSTM" else ["t", "d", "b", "h"])
    graph = helper.make_graph([helper.make_node(kind, list(inputs), ["y"], **attributes)], "g", given, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    checker.check_model(model)
    try:
        (found,) = ReferenceEvaluator(model).run(["y"], inputs)
    except RuntimeError as error:
        return "No implementation" if "No implementation" in str(error) else f"another error: {error}"
    return "runs" if found.size > 1 else f"runs, {found.reshape(-1)[0]}"


ones = np.ones
lstm = {"x": ones((3, 1, 2), np.float32), "w": ones((1, 8, 2), np.float32), "r": ones((1, 8, 2), np.float32)}
scale, zero = np.float32(0.5) * ones((), np.float32), np.zeros((), np.int8)
stored = {"x": 4 * ones(1, np.int8), "scale": scale, "zero": zero}
numbers = {"x": 2 * ones(1, np.float32), "scale": scale, "zero": zero}
for opset in (7, 22):
    print(f"LSTM of opset {opset}:", run("LSTM", opset, lstm, hidden_size=2))
for opset in (13, 18, 19):
    print(f"DequantizeLinear of opset {opset}:", run("DequantizeLinear", opset, stored))
for opset in (13, 19):
    print(f"QuantizeLinear of opset {opset}:", run("QuantizeLinear", opset, numbers))
PYTHON
cat "$folder/seen"
sed -n '/^# Seen:/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
