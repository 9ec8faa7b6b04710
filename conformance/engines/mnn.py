"""MNN: ONNX models converted by its converter, and run by its CPU backend.

https://mnn-docs.readthedocs.io/en/latest/tools/convert.html and .../pymnn/module.html. The converter reads the operator
LSTM (tools/converter/source/onnx/LSTMOnnx.cpp in https://github.com/alibaba/MNN) and says itself what it does not take:
"MNN LSTM not support 8th input (peepholes)", "MNN LSTM Don't support activation: ...". That is unsupported here, so
that a version that takes it is noticed. Of sequence_lens it says "MNN LSTM not support sequence_lens, all batch must be
seq_length, the result may has error", and converts the model all the same, so that is no refusal. It says nothing about
other inputs and attributes. The documentation does not say which of the two readings of clip is meant; onnxruntime's is
declared.

Sizes are fixed before a model is converted: with open ones most models end in an error when they run. The converter has
a process of its own, because it may end it, whose exit code says nothing; it is called without the wrapper
`mnnconvert`, which calls pip and reports to a server.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

_CONVERTER = "import sys, _tools; _tools.mnnconvert(sys.argv)"
_RUNTIME = {"backend": "CPU", "precision": "high", "numThread": 1}
_REFUSALS = ("not support ", "Don't support ")
_WARNING = "the result may has error"


class Mnn(Adapter):
    """One LSTM node per layer, converted by MNN for the sizes of each call."""

    name = "mnn"
    capabilities = Capabilities(
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=onnx_model.ACTIVATIONS,
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"gates"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import MNN
        import onnx  # noqa: F401  # it builds the models; missing, it should show now

        self._mnn: Any = MNN
        self._runtime = MNN.nn.create_runtime_manager((dict(_RUNTIME),))

    @property
    def versions(self) -> dict[str, str]:
        """MNN's version."""
        return {"mnn": str(self._mnn.version())}

    @property
    def settings(self) -> dict[str, str]:
        """The runtime that it is told to use; it cannot be asked."""
        return {f"mnn.{name}": str(value) for name, value in _RUNTIME.items()}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The case's ONNX model, converted when its sizes are known; the converter gets both states or neither."""
        model = onnx_model.prepare(case, weights, self.load)

        def with_both_states_or_neither(inputs: Inputs) -> Outputs:
            if (inputs.h0 is None) != (inputs.c0 is None):
                h0, c0 = zeros_if_absent(case, inputs)
                inputs = replace(inputs, h0=h0, c0=c0)
            return model(inputs)

        return with_both_states_or_neither

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An ONNX model, converted for each T and B that it is called with."""
        return onnx_model.for_each_size(model, self._converted)

    def _converted(self, model: Any) -> onnx_model.Runner:
        expr = self._mnn.expr
        names = [value.name for value in model.graph.input]
        outputs = [value.name for value in model.graph.output]
        with tempfile.TemporaryDirectory() as folder:
            file = str(_convert(model, Path(folder)))
            module = self._mnn.nn.load_module_from_file(file, names, outputs, runtime_manager=self._runtime)

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            variables = [self._variable(feeds[name]) for name in names]
            found = module.forward(variables)
            if len(found) != len(outputs):
                raise RuntimeError(f"MNN returned {len(found)} outputs of {len(outputs)}")
            return [np.array(expr.convert(each, expr.NCHW).read()) for each in found]

        return run

    def _variable(self, array: Array) -> Any:
        expr = self._mnn.expr
        kind = expr.float if array.dtype.kind == "f" else expr.int
        variable = expr.placeholder(list(array.shape), expr.NCHW, kind)
        variable.write(array)
        return variable


def _convert(model: Any, folder: Path) -> Path:
    """Converts a model; returns the file."""
    source, target = folder / "model.onnx", folder / "model.mnn"
    source.write_bytes(model.SerializeToString())
    options = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), "--bizCode", "lstm"]
    command = [sys.executable, "-c", _CONVERTER, *options]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if target.exists():
        return target
    said = (ended.stdout + ended.stderr).splitlines()
    refusals = (line for line in said if any(words in line for words in _REFUSALS) and _WARNING not in line)
    refusal = next(refusals, None)
    if refusal is not None:
        raise UnsupportedOption(f"MNN: {refusal.strip()}")
    raise RuntimeError(f"MNN's converter wrote no model (exit code {ended.returncode}): {' '.join(said[-3:])}")
