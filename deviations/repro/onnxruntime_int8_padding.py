"""onnxruntime's DynamicQuantizeLSTM takes the padding into the range by which it rounds x: large padding, no digits.

Two rows of 2 steps, of which the first has one. The answer of that step is asked for with padding of 0 and of 1000.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnx_lstm import lstm, numbers
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
tensors = numbers(0, x=(2, 2, 3), W=(1, 16, 3), R=(1, 16, 4), h0=(1, 2, 4), c0=(1, 2, 4))
tensors["lens"] = np.array([1, 2], np.int32)
found = {}
for padding in (0.0, 1000.0):
    tensors["x"][1, 0] = padding
    model, feeds = lstm(tensors)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantised.onnx"
        quantize_dynamic(model, path, op_types_to_quantize=["LSTM"])
        quantised = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    right = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    apart = [abs(a - b).max() for a, b in zip(quantised.run(["y"], feeds), right.run(["y"], feeds), strict=True)]
    found[padding] = float(apart[0])
    print(f"padding {padding:g}: y is off by {found[padding]:.2g}")
raise SystemExit(0 if found[0.0] < 0.03 and found[1000.0] > 0.1 else "does not deviate")
