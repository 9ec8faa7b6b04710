#!/usr/bin/env bash
# MNN 3.6.1: softplus is never more than 87, e^z never more than 6.08e37, and relu of minus infinity is NaN.
#
# Valid models with one operator each, in the CPU backend's high precision. Expected: softplus(z) = z to float32 for
# z > 17; e^88 = 1.65e38 and infinity from 89 on; 0 as the relu of minus infinity. e^z is computed for z in -87 to 87
# alone, so that e^-100 is no 0 either, but 1.65e-38; e^NaN is a number, too.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (Linux, x86-64, AMD EPYC):
#   Softplus:  10: 10  80: 80  87: 87  88: 87  100: 87  10000: 87  inf: 87  nan: 0
#   Exp:       -inf: 1.65e-38  -100: 1.65e-38  80: 5.54e+34  88: 6.08e+37  100: 6.08e+37  inf: 6.08e+37  nan: 1.65e-38
#   Relu:      -inf: nan  -3e+38: 0  -1: 0  2: 2  inf: inf
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mnn==3.6.1 onnx==1.23.2 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/large.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import MNN
import numpy as np
import onnx
from onnx import TensorProto, helper

ASKED = {
    "Softplus": [10, 80, 87, 88, 100, 1e4, np.inf, np.nan],
    "Exp": [-np.inf, -100, 80, 88, 100, np.inf, np.nan],
    "Relu": [-np.inf, -3e38, -1, 2, np.inf],
}


def results(operator, x):
    x_info, y_info = (helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", [x_info], [y_info])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    Path("model.onnx").write_bytes(model.SerializeToString())
    code = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    options = ["-f", "ONNX", "--modelFile", "model.onnx", "--MNNModel", "model.mnn", "--bizCode", "x"]
    subprocess.run([sys.executable, "-c", code, *options], check=True, capture_output=True)
    runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
    net = MNN.nn.load_module_from_file("model.mnn", ["x"], ["y"], runtime_manager=runtime)
    variable = MNN.expr.placeholder(list(x.shape), MNN.expr.NCHW, MNN.expr.float)
    variable.write(x)
    return np.array(MNN.expr.convert(net.forward([variable])[0], MNN.expr.NCHW).read())


for operator, numbers in ASKED.items():
    x = np.array(numbers, np.float32)
    pairs = "  ".join(f"{a:g}: {b:.3g}" for a, b in zip(x, results(operator, x), strict=True))
    print(f"seen: {operator + ':':<10} {pairs}")
PYTHON
cd "$folder"
venv/bin/python large.py > log 2>&1 || { cat log; exit 1; }
sed -n 's/^seen: //p' log > seen
cd "$OLDPWD"
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
