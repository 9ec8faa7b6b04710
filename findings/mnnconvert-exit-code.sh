#!/usr/bin/env bash
# MNN 3.6.1: the converter says "Converted Failed!" and ends with exit code 0, without a file.
#
# A valid model with one LSTM node that has peepholes, which MNN does not take. Expected: an exit code other than 0, as
# of any converter in a build script. `_tools.mnnconvert`, which the command `mnnconvert` calls, prints what it does not
# take, returns None and raises nothing; only the missing file tells. (The command itself then fails on the missing file
# in what it does afterwards, if the package that it sends its statistics with is installed, and else ends with 0 too.)
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (onnx 1.23.2):
#   exit code 0, file written: False
#   MNN LSTM not support 8th input (peepholes)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mnn==3.6.1 onnx==1.23.2 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > peepholes.py <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

T, B, I, H = 3, 1, 2, 2
sizes = {"W": (1, 4 * H, I), "R": (1, 4 * H, H), "B": (1, 8 * H), "P": (1, 3 * H)}
constants = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in sizes.items()]
node = helper.make_node("LSTM", ["x", "W", "R", "B", "", "", "", "P"], ["y"], hidden_size=H)
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, B, I])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [T, 1, B, H])
graph = helper.make_graph([node], "g", [x], [y], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
Path("lstm.onnx").write_bytes(model.SerializeToString())
code = "import sys, _tools; _tools.mnnconvert(sys.argv)"
options = ["-f", "ONNX", "--modelFile", "lstm.onnx", "--MNNModel", "lstm.mnn", "--bizCode", "x"]
done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True)
written = Path("lstm.mnn").exists()
said = next((line for line in (done.stdout + done.stderr).splitlines() if "not support" in line), "")
print(f"exit code {done.returncode}, file written: {written}\n{said.strip()}")
raise SystemExit(None if done.returncode == 0 and not written and "8th input" in said else "changed")
PYTHON
"$folder/venv/bin/python" peepholes.py
