"""The answer of tract to a model of onnx_lstm."""

import tempfile
from pathlib import Path

import tract


def answer(model, feeds):
    """y, h and c."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(model.SerializeToString())
        runnable = tract.onnx().load(path).into_model().into_runnable()
    return [output.to_numpy() for output in runnable.run([feeds[value.name] for value in model.graph.input])]
