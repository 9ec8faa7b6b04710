"""Keras' own ONNX export, run by onnxruntime.

`model.export(path, format="onnx")` (https://keras.io/api/models/model_saving_apis/export/) writes "the
model's forward pass only" for ONNX Runtime. "The dtype policy must be "float32" for the model." On the
TensorFlow backend, used here, tf2onnx converts the graph and leaves batch size and number of steps open; the
PyTorch backend's export fixes the number of steps, and the JAX backend's (jax2onnx) has no reverse scan.
States and masks are inputs of the functional model, so they are inputs of the exported one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conformance.adapters.base import Model
from conformance.adapters.keras_lstm import CAPABILITIES, KerasTensorflow
from conformance.adapters.keras_model import CaseModel
from conformance.adapters.onnxruntime_lstm import Engine
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights

EXPORTED = replace(
    CAPABILITIES, dtypes=frozenset({"float32"}), softmax=False, cross_entropy=False, gradients=frozenset()
)
"""Only the forward pass is exported."""


class KerasOnnx(KerasTensorflow):
    """A functional Keras model, exported to ONNX and run by onnxruntime on the CPU."""

    name = "keras-onnxruntime"
    capabilities = EXPORTED

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import tf2onnx  # noqa: F401  # Keras imports it when it exports; a missing package should show now

        self._engine = Engine(device)

    @property
    def versions(self) -> dict[str, str]:
        """The exporter first, because it decides the graph, then everything before and after it."""
        return {name: version(name) for name in ("tf2onnx", "keras", "tensorflow", "onnxruntime")}

    @property
    def settings(self) -> dict[str, str]:
        """Those of onnxruntime, which computes, and of Keras and TensorFlow, whose model is exported."""
        return self._engine.settings | super().settings

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A session with the exported model."""
        built = CaseModel(self.keras, case, weights)
        names = [tensor.name for tensor in built.model.inputs]
        # Keras would derive this signature by itself if the model had been called before.
        run = self._engine.load(exported(built.model, built.model.inputs))

        def model(inputs: Inputs) -> Outputs:
            return built.outputs(run(dict(zip(names, built.feed(inputs), strict=True))))

        return model


def exported(model: Any, signature: Sequence[Any]) -> bytes:
    """The ONNX model of a keras.Model whose inputs have these shapes; a size of None is left open."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False, input_signature=[list(signature)])
        return path.read_bytes()
