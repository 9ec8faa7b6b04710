#!/usr/bin/env bash
# onnxruntime 1.31.1: the answer of a quantised LSTM depends on the number of threads, and a row's on the others beside it.
#
# quantize_dynamic makes a DynamicQuantizeLSTM, which rounds h to 8 bits in every step. Expected: one scale for h, found
# over all rows of the batch, or one for each row; either way the same answer however many threads compute it. In fact
# the rows are shared out among the threads, and each thread finds a scale for its own rows. An answer of one row alone
# is the same in one and in two threads. The default is as many threads as there are cores, so that the same model and
# input give other digits on another machine (as much as the quantisation itself moves them).
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (Linux, x86-64, AMD EPYC with 2 cores):
#   1 row in 1 and 2 threads: the same
#   6 rows in 1 and 2 threads: apart by more than 1e-4
#   6 rows in 2 and 3 threads: apart by more than 1e-4
#   a row alone and beside 5 others, 1 thread: apart by more than 1e-4
#   6 rows in 1 and 3 threads, not quantised: the same
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cat > "$folder/threads.py" <<'PYTHON'
import logging

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
T, B, I, H = 8, 6, 4, 10
draw = np.random.default_rng(0)
weights = {name: draw.uniform(-1, 1, (1, 4 * H, n)).astype(np.float32) for name, n in {"W": I, "R": H}.items()}
x = draw.standard_normal((T, B, I)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=H)],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, "B", I])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [T, 1, "B", H])],
    [numpy_helper.from_array(array, name) for name, array in weights.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
checker.check_model(model, full_check=True)
with open("model.onnx", "wb") as file:
    file.write(model.SerializeToString())
quantize_dynamic("model.onnx", "int8.onnx", op_types_to_quantize=["LSTM"])


def y(rows, threads, path="int8.onnx"):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x[:, rows]})[0]


def told(what, a, b):
    apart = float(np.abs(a - b).max())
    words = "the same" if apart < 1e-6 else "apart by more than 1e-4" if apart > 1e-4 else f"apart by {apart:.1g}"
    print(f"seen: {what}: {words}")


one, all_rows = slice(1), slice(B)
told("1 row in 1 and 2 threads", y(one, 1), y(one, 2))
told("6 rows in 1 and 2 threads", y(all_rows, 1), y(all_rows, 2))
told("6 rows in 2 and 3 threads", y(all_rows, 2), y(all_rows, 3))
told("a row alone and beside 5 others, 1 thread", y(one, 1), y(all_rows, 1)[:, :, one])
told("6 rows in 1 and 3 threads, not quantised", y(all_rows, 1, "model.onnx"), y(all_rows, 3, "model.onnx"))
PYTHON
cd "$folder"
venv/bin/python threads.py > log 2>&1 || { cat log; exit 1; }
sed -n 's/^seen: //p' log > seen
cd "$OLDPWD"
cat "$folder/seen"
sed -n '/^# Seen/,/^set /s/^#   //p' "$0" | diff - "$folder/seen" && echo "as before" || { echo "changed"; exit 1; }
