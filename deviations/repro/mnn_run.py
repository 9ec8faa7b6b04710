"""The answer of MNN to a model of onnx_lstm."""

import subprocess
import sys
import tempfile
from pathlib import Path

import MNN
import numpy as np

CONVERTER = "import sys, _tools; _tools.mnnconvert(sys.argv)"


def answer(model, feeds):
    """y, h and c; an empty list if MNN returns nothing."""
    expr, names = MNN.expr, [value.name for value in model.graph.input]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "model.onnx"), Path(folder, "model.mnn")
        source.write_bytes(model.SerializeToString())
        options = ["-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "x"]
        subprocess.run([sys.executable, "-c", CONVERTER, *options], capture_output=True, check=False)
        runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": 1},))
        net = MNN.nn.load_module_from_file(str(target), names, ["y", "h", "c"], runtime_manager=runtime)
    variables = []
    for name in names:
        kind = expr.float if feeds[name].dtype.kind == "f" else expr.int
        variables.append(expr.placeholder(list(feeds[name].shape), expr.NCHW, kind))
        variables[-1].write(feeds[name])
    return [np.array(expr.convert(each, expr.NCHW).read()) for each in net.forward(variables)]
