#!/usr/bin/env bash
# safetensors 0.8.0, numpy 2.3.5: safetensors.numpy.save writes a transposed array with its numbers in another order.
#
# Expected: an error, or the array's own numbers; save_file of torch tensors refuses what is not contiguous. In fact the
# NumPy side writes the memory as it lies beside the shape as it is, without a word: whoever turns Keras' kernel
# (I, 4H) into torch's (4H, I) with .T and saves it has weights of the right shape with the wrong numbers. The
# documentation asks for contiguous tensors; nothing checks it. np.ascontiguousarray before saving is the way out.
#
# Seen:
#   kernel.T, as it is:      [[0. 3.] [1. 4.] [2. 5.]]
#   saved and loaded again:  [[0. 1.] [2. 3.] [4. 5.]]
#   contiguous copy, again:  [[0. 3.] [1. 4.] [2. 5.]]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'safetensors==0.8.0' 'numpy==2.3.5' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
turned = kernel.T
again = load(save({"kernel": turned}))["kernel"]
copied = load(save({"kernel": np.ascontiguousarray(turned)}))["kernel"]
for name, array in (("kernel.T, as it is:     ", turned), ("saved and loaded again: ", again), ("contiguous copy, again: ", copied)):
    print(name, str(array).replace("\n", ""))
wrong = again.shape == turned.shape and not np.array_equal(again, turned)
raise SystemExit(None if wrong and np.array_equal(copied, turned) else "changed")
PYTHON
