"""Keras on torch through Keras' own ONNX export to ONNX Runtime.

As keras-onnxruntime (conformance.adapters.keras_export), with Keras on PyTorch, whose export is torch.onnx.export. It
traces an example call with a 1 for each size that the signature leaves open, and the scan over time is unrolled, so the
signature states all sizes: a model is exported for each number of steps and rows.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from conformance.adapters.base import Model
from conformance.adapters.keras_export import EXPORTED, exported
from conformance.adapters.keras_lstm import KerasTorch
from conformance.adapters.keras_model import CaseModel
from conformance.adapters.onnx_model import Runner
from conformance.adapters.onnxruntime_lstm import Engine
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights


class KerasTorchOnnx(KerasTorch):
    """A functional Keras model on PyTorch, exported to ONNX and run by onnxruntime on the CPU."""

    name = "keras-torch-onnxruntime"
    capabilities = EXPORTED

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnxscript  # noqa: F401  # torch imports it when it exports; a missing package should show now

        self._engine = Engine(device)

    @property
    def versions(self) -> dict[str, str]:
        """Keras first, which traces, then the exporter and what computes."""
        return {name: version(name) for name in ("keras", "torch", "onnxscript", "onnxruntime")}

    @property
    def settings(self) -> dict[str, str]:
        """Those of onnxruntime, which computes, and of Keras and torch, whose model is exported."""
        return self._engine.settings | super().settings

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A session with the exported model for each number of steps and rows."""
        with self.keras.device("cpu"):
            built = CaseModel(self.keras, case, weights)
        names = [tensor.name for tensor in built.model.inputs]
        runners: dict[tuple[int, ...], Runner] = {}

        def model(inputs: Inputs) -> Outputs:
            arrays = built.feed(inputs)
            if inputs.x.shape not in runners:
                specs: list[Any] = [
                    self.keras.InputSpec(dtype=tensor.dtype, shape=array.shape, name=tensor.name)
                    for tensor, array in zip(built.model.inputs, arrays, strict=True)
                ]
                with self.keras.device("cpu"):
                    runners[inputs.x.shape] = self._engine.load(exported(built.model, specs))
            return built.outputs(runners[inputs.x.shape](dict(zip(names, arrays, strict=True))))

        return model
