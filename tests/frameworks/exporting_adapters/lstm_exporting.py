"""Ways of exporting a Keras model that go wrong: from a stateful layer, and from PyTorch with a dynamic time axis."""

import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from conformance.adapters.base import Model
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.keras_export import KerasOnnx
from conformance.adapters.keras_lstm import KerasTorch
from conformance.adapters.layouts import KERAS, pack
from conformance.adapters.onnxruntime_lstm import Engine
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights


class KerasStatefulOnnx(KerasOnnx):
    """A stateful layer: Keras answers the first call, then the model is exported and onnxruntime answers the others."""

    name = "keras-stateful-onnxruntime"
    capabilities = Capabilities(blocks=False, head=False, max_layers=1)
    reset = False

    def prepare(self, case: Case, weights: Weights) -> Model:
        keras = self.keras
        x = keras.Input(batch_shape=(case.calls[0], None, case.I), name="x")
        layer = keras.layers.LSTM(case.H, return_sequences=True, return_state=True, stateful=True)
        built = keras.Model(x, layer(x))
        layer.set_weights([pack(KERAS, weights.rows[0])[name] for name in ("kernel", "recurrent_kernel", "bias")])
        exported = []

        def model(inputs: Inputs) -> Outputs:
            rows = np.ascontiguousarray(inputs.x.transpose(1, 0, 2))
            if exported:
                return canonical(exported[0]({"x": rows}))
            answer = canonical([np.asarray(each) for each in built(rows)])
            if self.reset:
                layer.reset_state()
            signature = [keras.InputSpec(shape=x.shape, dtype="float32", name="x")]
            exported.append(self._engine.load(exported_model(built, signature)))
            return answer

        return model


class KerasResetOnnx(KerasStatefulOnnx):
    """The same with the state reset before the export, which is right."""

    name = "keras-reset-onnxruntime"
    reset = True


class KerasTorchOnnx(KerasTorch):
    """Keras on PyTorch, exported with dynamic batch and time axes."""

    name = "keras-torch-open-onnxruntime"
    capabilities = replace(KerasOnnx.capabilities, lengths="none", holes=False)

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self._engine = Engine(device)

    @property
    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in ("keras", "torch", "onnxruntime")}

    prepare = KerasOnnx.prepare


def exported_model(model, signature) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False, input_signature=signature)
        return path.read_bytes()


def canonical(answer) -> Outputs:
    y, h, c = answer
    return {"y": np.ascontiguousarray(y.transpose(1, 0, 2)), "h_n": h[None], "c_n": c[None]}
