#!/usr/bin/env bash
# paddlepaddle 3.3.1: what y of nn.LSTM holds past a row's length depends on proj_size.
#
# Without a projection, y is 0 there. Expected: the same with one. In fact the scan runs on over the padding, and y holds
# what comes of it; the final states are those of the row's last valid step in both cases. The documentation of
# `sequence_length` says nothing about y.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (numpy 2.4.6):
#   proj_size 0: y past the length is 0, h_n is y of the last valid step
#   proj_size 2: y past the length is not 0, h_n is y of the last valid step
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paddlepaddle==3.3.1 numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - 2> "$folder/run.log" <<'PYTHON' || { cat "$folder/run.log"; exit 1; }
import numpy as np
import paddle

paddle.set_device("cpu")
paddle.seed(0)
found = []
for size in (0, 2):
    layer = paddle.nn.LSTM(3, 4, proj_size=size)
    layer.eval()
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32))
    y, (h_n, _) = layer(x, sequence_length=paddle.to_tensor([3], "int32"))
    y, h_n = y.numpy()[0], h_n.numpy()[0, 0]
    zeros, last = not y[3:].any(), np.allclose(y[2], h_n, atol=1e-6)
    print(
        f"proj_size {size}: y past the length is {'0' if zeros else 'not 0'}, "
        f"h_n is {'y' if last else 'not y'} of the last valid step"
    )
    found.append((bool(zeros), bool(last)))
raise SystemExit(None if found == [(True, True), (False, True)] else "changed")
PYTHON
