#!/usr/bin/env bash
# onnxruntime 1.31.1: a quantised LSTM is right on an old processor (SSE4), wrong on a newer one (AVX2), right on a new one.
#
# One step of a DynamicQuantizeLSTM, made by quantize_dynamic with its defaults, with x = (1, 1) and all weights 0.5. As
# integers both are the largest there are, and the sum of two products needs 17 bits. Expected: h = 0.3696, apart by no
# more than 8-bit integers are. With the instructions of AVX2 (and of AVX-512 without VNNI) the sum stops at 32767, and
# h is less than half of that. Its page on quantisation says that this may happen, and that it is generally no big
# problem. The processors are emulated by qemu-user, which Debian's package brings; the last one is that of the machine.
#
# Ends with 0 while the behaviour is this, with 1 once it is not. Needs a Debian with apt-get (only downloads).
#
# Seen (Linux, x86-64, qemu 7.2):
#   Nehalem, SSE4.2: h = 0.3696
#   Haswell, AVX2:   h = 0.1767
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq qemu-user-static > apt.log 2>&1 || { cat apt.log; exit 1; }
dpkg -x qemu-user-static_*.deb qemu
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 \
    2> pip.log || { cat pip.log; exit 1; }
cat > step.py <<'PYTHON'
import logging
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
weights = {"W": np.full((1, 4, 2), 0.5, np.float32), "R": np.zeros((1, 4, 1), np.float32)}
graph = helper.make_graph(
    [helper.make_node("LSTM", ["x", "W", "R"], ["", "h"], hidden_size=1)],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2])],
    [helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, 1, 1])],
    [numpy_helper.from_array(array, name) for name, array in weights.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
checker.check_model(model, full_check=True)
with open("model.onnx", "wb") as file:
    file.write(model.SerializeToString())
quantize_dynamic("model.onnx", "int8.onnx", op_types_to_quantize=["LSTM"])
session = onnxruntime.InferenceSession("int8.onnx", providers=["CPUExecutionProvider"])
h = session.run(None, {"x": np.ones((1, 1, 2), np.float32)})[0].item()
print(f"seen: {sys.argv[1]:<16} h = {h:.4f}")
PYTHON
python=$(readlink -f venv/bin/python)
for processor in "Nehalem, SSE4.2:" "Haswell, AVX2:"; do
    PYTHONPATH=$(echo venv/lib/python3*/site-packages) qemu/usr/bin/qemu-x86_64-static \
        -cpu "${processor%%,*}" "$python" step.py "$processor" > log 2>&1 || { cat log; exit 1; }
    sed -n 's/^seen: //p' log >> seen
done
cd "$OLDPWD"
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
