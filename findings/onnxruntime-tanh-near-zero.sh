#!/usr/bin/env bash
# onnxruntime 1.31.1: Tanh of a number near 0 is nearly always too small, so its errors add up instead of cancelling.
#
# Expected: for |x| below 1e-4 tanh(x) is x to float32's last digit, so a kernel returns x, or errs by a rounding now up
# and now down. In fact the CPU's kernel returns a number smaller in magnitude than tanh(x) for 392 of 400 numbers over
# 32 orders of magnitude, never a larger one, and by more than one unit roundoff on average. One result is as good as
# any honest one; in an LSTM whose numbers are tiny the errors of hundreds of units have the same sign and add up.
#
# Seen (Linux, x86-64):
#   too small: 392, too large: 0 of 400; by more than 1 unit roundoff on average: True
#   numpy, off by half a unit roundoff or more: 0 of 400
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'onnx==1.23.2' 'onnxruntime==1.31.1' 'numpy==2.4.6' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
graph = helper.make_graph([helper.make_node("Tanh", ["x"], ["y"])], "tanh", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString())
given = np.logspace(-36, -4, 400).astype(np.float32)
right = np.tanh(given.astype(np.float64))
errors = (session.run(None, {"x": given})[0].astype(np.float64) / right - 1) / 2.0**-24
print(f"too small: {(errors < 0).sum()}, too large: {(errors > 0).sum()} of 400; by more than 1 unit roundoff on average: {errors.mean() < -1}")
own = (np.tanh(given).astype(np.float64) / right - 1) / 2.0**-24
print(f"numpy, off by half a unit roundoff or more: {(abs(own) > 0.5).sum()} of 400")
PYTHON
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
