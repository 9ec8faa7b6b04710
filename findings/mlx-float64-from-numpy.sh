#!/usr/bin/env bash
# mlx 0.32.4: an array made from a NumPy array of float64 is float32.
#
# `mx.array(a)` keeps the dtype of every other NumPy array of floats. Expected: float64, which MLX has on the CPU. In fact
# the numbers are rounded to float32 without a word, unless the dtype is given again.
#
# Ends with 0 while the behaviour is this, with 1 once it is not.
#
# Seen (numpy 2.4.6):
#   float16 -> float16; given again: float16
#   float32 -> float32; given again: float32
#   float64 -> float32; given again: float64
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlx[cpu]==0.32.4' numpy==2.4.6 \
    2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - <<'PYTHON'
import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
found = {}
for name in ("float16", "float32", "float64"):
    array = np.ones(2, name)
    kept, again = (str(a.dtype).removeprefix("mlx.core.") for a in (mx.array(array), mx.array(array, getattr(mx, name))))
    print(f"{name} -> {kept}; given again: {again}")
    found[name] = kept, again
same = {name: (name if name != "float64" else "float32", name) for name in found}
raise SystemExit(None if found == same else "changed")
PYTHON
