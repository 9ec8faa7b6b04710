#!/usr/bin/env bash
# MNN 3.6.1: in the product with a constant matrix, NaN is kept in whole blocks of 24 rows and is -3.4e38 in the others.
#
# Valid models with one operator, MatMul, in which the second matrix is the identity, in each precision of the CPU
# backend. Expected: NaN where a NaN is multiplied, an infinity where one is. The result is NaN in the first 24 of 25
# rows and the least finite number in the last, where no test for NaN finds it; of less than 24 rows no NaN is left. An
# infinity is 3.4e38 everywhere. With the identity as a second input the product is right.
#
# Ends with 0 while the behaviour is this, with 1 once it is not. (How many rows make a block depends on the processor.)
#
# Seen (Linux, x86-64, AMD EPYC, AVX2):
#   constant, high:    NaN kept in rows 0 to 23 of 25, row 24: [-3.4e+38, -3.4e+38]; [inf, 1]: [3.4e+38, -3.4e+38]
#   constant, normal:  NaN kept in rows 0 to 23 of 25, row 24: [-3.4e+38, -3.4e+38]; [inf, 1]: [3.4e+38, -3.4e+38]
#   constant, low:     NaN kept in rows 0 to 23 of 25, row 24: [-3.4e+38, -3.4e+38]; [inf, 1]: [3.4e+38, -3.4e+38]
#   an input:          NaN kept in rows 0 to 24 of 25, row 24: [nan, nan]; [inf, 1]: [inf, nan]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mnn==3.6.1 onnx==1.23.2 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/product.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import MNN
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAN = np.full((25, 2), np.nan, np.float32)
INF = np.array([[np.inf, 1]], np.float32)
EYE = np.eye(2, dtype=np.float32)


def product(feeds, constants, precision="high"):
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, feeds["x"].shape)
    inside = [numpy_helper.from_array(a, name) for name, a in constants.items()]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "W"], ["y"])], "g", inputs, [output], inside)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    Path("model.onnx").write_bytes(model.SerializeToString())
    code = "import sys, _tools; _tools.mnnconvert(sys.argv)"
    options = ["-f", "ONNX", "--modelFile", "model.onnx", "--MNNModel", "model.mnn", "--bizCode", "x"]
    subprocess.run([sys.executable, "-c", code, *options], check=True, capture_output=True)
    runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": precision, "numThread": 1},))
    net = MNN.nn.load_module_from_file("model.mnn", list(feeds), ["y"], runtime_manager=runtime)
    variables = [MNN.expr.placeholder(list(a.shape), MNN.expr.NCHW, MNN.expr.float) for a in feeds.values()]
    for variable, array in zip(variables, feeds.values(), strict=True):
        variable.write(array)
    return np.array(MNN.expr.convert(net.forward(variables)[0], MNN.expr.NCHW).read())


def numbers(row):
    return "[" + ", ".join(f"{v:.2g}" for v in row) + "]"


def show(name, of_nan, of_inf):
    kept = np.flatnonzero(np.isnan(of_nan).all(axis=1))
    first = f"NaN kept in rows {kept[0]} to {kept[-1]} of {len(of_nan)}, row 24: {numbers(of_nan[24])}"
    print(f"seen: {name + ':':<18} {first}; {numbers(INF[0])}: {numbers(of_inf[0])}")


for precision in ("high", "normal", "low"):
    show(f"constant, {precision}", *(product({"x": x}, {"W": EYE}, precision) for x in (NAN, INF)))
show("an input", *(product({"x": x, "W": EYE}, {}) for x in (NAN, INF)))
PYTHON
cd "$folder"
venv/bin/python product.py > log 2>&1 || { cat log; exit 1; }
sed -n 's/^seen: //p' log > seen
cd "$OLDPWD"
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
