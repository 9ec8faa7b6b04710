#!/usr/bin/env bash
# paddle2onnx 2.1.0 (paddlepaddle 3.3.1): an LSTM of two layers with lengths loses the lengths and half of its states.
#
# `paddle.nn.LSTM(3, 4, num_layers=2, direction="bidirect")` called with sequence_length is exported without a word.
# Expected: the answer that Paddle itself gives. In fact the exported model has an input `lengths` that no node reads,
# so that a row of 3 steps is computed over all 5, and h and c are those of the top layer only: (2, B, H) in place of
# (4, B, H). Where each row has all steps, y and the top layer's states are right.
#
# The states: https://github.com/PaddlePaddle/PaddleNLP/issues/761. Ends with 0 while the behaviour is this, with 1 once
# it is not.
#
# Seen (onnxruntime 1.31.1):
#   nodes that read lengths: 0
#   lengths [5, 5]: y is off by 1.2e-07; h (2, 2, 4), needs (4, 2, 4); the top layer's h is off by 1.2e-07
#   lengths [3, 5]: y is off by 0.36; h (2, 2, 4), needs (4, 2, 4); the top layer's h is off by 0.14
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# onnx-graphsurgeon and sympy: left out, the exporter installs them itself while it runs, in whatever version there is.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 paddle2onnx==2.1.0 \
    onnxruntime==1.31.1 onnx==1.17.0 onnx-graphsurgeon==0.6.1 sympy==1.14.0 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > export.py <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import paddle


class Model(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.lstm = paddle.nn.LSTM(3, 4, num_layers=2, direction="bidirect")

    def forward(self, x, lengths):
        y, (h, c) = self.lstm(x, sequence_length=lengths)
        return y, h, c


paddle.seed(0)
model = Model()
model.eval()
x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
inputs = [paddle.static.InputSpec([2, 5, 3], "float32", "x"), paddle.static.InputSpec([2], "int32", "lengths")]
paddle.onnx.export(model, "lstm", input_spec=inputs, opset_version=15)

readers = sum("lengths" in node.input for node in onnx.load("lstm.onnx").graph.node)
print("nodes that read lengths:", readers)
session = onnxruntime.InferenceSession("lstm.onnx")
off = {}
for lengths in ([5, 5], [3, 5]):
    rows = np.array(lengths, np.int32)
    y, h, _ = (each.numpy() for each in model(paddle.to_tensor(x), paddle.to_tensor(rows)))
    found_y, found_h, _ = session.run(None, {"x": x, "lengths": rows})
    off[lengths[0]] = [float(abs(found_y - y).max()), float(abs(found_h - h[2:]).max())]
    print(
        f"lengths {lengths}: y is off by {off[lengths[0]][0]:.2g}; h {found_h.shape}, needs {h.shape}; "
        f"the top layer's h is off by {off[lengths[0]][1]:.2g}"
    )
same = readers == 0 and found_h.shape == (2, 2, 4) and max(off[5]) < 1e-5 and min(off[3]) > 0.01
raise SystemExit(None if same else "changed")
PYTHON
"$folder/venv/bin/python" export.py 2> export.log | grep -E "^(nodes|lengths)" || { cat export.log; exit 1; }
