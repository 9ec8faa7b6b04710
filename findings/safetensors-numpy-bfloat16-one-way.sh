#!/usr/bin/env bash
# safetensors 0.8.0 with numpy 2.3.5 and ml_dtypes 0.5.4: bfloat16 goes out through safetensors.numpy, not in again.
#
# Expected: what save takes, load gives back. In fact save writes an ml_dtypes.bfloat16 array as BF16, which is right,
# and load of the same bytes raises KeyError: 'BF16'. A reader of weights that were kept in bfloat16 has to parse the
# file itself (safetensors.deserialize gives the raw bytes) or go through torch.
#
# Seen:
#   saved as BF16, 6 bytes of data
#   load: KeyError: 'BF16'
#   deserialize and a view as bfloat16: [1 2 3]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'safetensors==0.8.0' 'numpy==2.3.5' 'ml_dtypes==0.5.4' 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
"$folder/venv/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy as np
from safetensors import deserialize
from safetensors.numpy import load, save

content = save({"bias": np.array([1, 2, 3], ml_dtypes.bfloat16)})
((_, entry),) = deserialize(content)
print(f"saved as {entry['dtype']}, {len(entry['data'])} bytes of data")
try:
    load(content)
except KeyError as error:
    print("load: KeyError:", error)
else:
    raise SystemExit("changed: load takes it")
back = np.frombuffer(bytes(entry["data"]), ml_dtypes.bfloat16)
print("deserialize and a view as bfloat16:", str(back))
raise SystemExit(None if back.tolist() == [1, 2, 3] else "changed")
PYTHON
