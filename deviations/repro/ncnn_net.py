"""The answer of ncnn's layer LSTM to one step of one row, the inputs of whose gates are its biases."""

import tempfile
from pathlib import Path

import ncnn
import numpy as np

REDUCED = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")


def step(gates, units, c0=0.0):
    """h and c (units,) after a step in which the input of each gate is given, in the order i, f, o, g."""
    size = 4 * units
    text = f"""7767517
4 6
Input x 0 1 x
Input h0 0 1 h0
Input c0 0 1 c0
LSTM lstm 3 3 x h0 c0 y h c 0={units} 1={size} 2=0 3={units}
"""
    weights = [np.zeros(size), np.repeat(gates, units), np.zeros(size * units)]  # of x, the bias, of h
    net = ncnn.Net()
    for option in (*REDUCED, "use_packing_layout"):
        setattr(net.opt, option, False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.bin")
        path.write_bytes(b"".join(bytes(4) + array.astype("<f4").tobytes() for array in weights))
        assert net.load_param_mem(text) == net.load_model(str(path)) == 0
    given = {"x": np.zeros(1), "h0": np.zeros(units), "c0": np.full(units, c0)}
    with net.create_extractor() as extractor:
        for name, array in given.items():
            extractor.input(name, ncnn.Mat(array.astype(np.float32).reshape(1, 1, -1), batch_index=1))
        return [np.array(extractor.extract(name)[1].numpy(batch_index=1)).reshape(-1) for name in ("h", "c")]
