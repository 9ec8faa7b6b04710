"""OpenVINO on the CPU, through its reader of ONNX models.

    openvino          the model as it is, T and B open, for calls of any size
    openvino-static   `Model.reshape` to the sizes of a call first, which the CPU device's page recommends if they
                      stay the same; each new size is compiled again
    openvino-default  as `openvino`, in the precision that the plugin chooses by default

Each takes a different path through the CPU plugin: different rules decide what becomes a oneDNN primitive and what a
loop of operations.

The documents are in https://github.com/openvinotoolkit/openvino. The reader accepts the operator LSTM without
limitation (src/frontends/onnx/docs/supported_ops.md), including peepholes, input_forget, layout and six activations for
two directions. The operator becomes an LSTMSequence, whose page lists its activations, "any combination of relu,
sigmoid, tanh"
(docs/articles_en/documentation/openvino-ir-format/operation-sets/operation-specs/sequence/lstm-sequence-5.rst); the
plugin refuses others.

That page says that clip is "performed before activations". Only the code says before which: those of the four gates,
not h(Ct) (src/common/transformations/src/transformations/op_conversions/lstm_cell_decomposition.cpp). Rows of length 0
and y past a length are not documented; the loop that a sequence with lengths becomes leaves zeros for both.

The plugin computes in f32, f16 or bf16, by default in the one that is fastest on the processor
(docs/articles_en/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.rst): bf16 on a processor
that has instructions for it, even for a float32 model. `openvino` and `openvino-static` request f32, so that half
formats are rounded only at the end. f64 is not among them: such a model runs in f32. A compiled model reports its
precision (the property INFERENCE_PRECISION_HINT), and an answer is judged by that precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, EmptyRows, Model
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.adapters.settings import of_openvino
from conformance.case.dtypes import UNIT_ROUNDOFF, Precision
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights

_ACTIVATIONS = any_of("relu", "sigmoid", "tanh")
_HINT = "INFERENCE_PRECISION_HINT"
_PRECISIONS: dict[str, Precision] = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


class OpenVino(Adapter):
    """One LSTM node per layer, read and compiled by OpenVINO with open sizes."""

    name = "openvino"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32"}),
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=ActivationSupport(_ACTIVATIONS, _ACTIVATIONS, _ACTIVATIONS, per_direction=True),
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"gates"}),
        coupling=onnx_model.COUPLING,
    )
    static: ClassVar[bool] = False
    hint: ClassVar[str | None] = "f32"
    """The precision that the plugin is told to compute in; None for its own choice."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import onnx  # noqa: F401  # it builds the models; missing, it should show now
        import openvino

        self._openvino: Any = openvino
        self._core = openvino.Core()
        if self.hint is not None:
            self._core.set_property("CPU", {_HINT: self.hint})
        self._computes_in = _precision_of(self._core.get_property("CPU", _HINT))

    @property
    def versions(self) -> dict[str, str]:
        """OpenVINO's version, without the build it came from."""
        return {"openvino": str(self._openvino.__version__).partition("-")[0]}

    @property
    def settings(self) -> dict[str, str]:
        """Those of the CPU plugin."""
        return of_openvino(self._core)

    def precision(self, dtype: str) -> Precision:
        """The coarser of the tensors' format and the precision that the last compiled model reports."""
        own: Precision = super().precision(dtype)
        return max(own, self._computes_in, key=UNIT_ROUNDOFF.__getitem__)

    def empty_rows(self, case: Case) -> EmptyRows:
        """Zeros, left by the loop that a sequence with lengths becomes."""
        return "zeros"

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The case's ONNX model, compiled."""
        return onnx_model.prepare(case, weights, self.load)

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An ONNX model, compiled when it is called."""
        model = self._core.read_model(model.SerializeToString())
        requests: dict[str, Any] = {}

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            sizes = {name: list(array.shape) for name, array in feeds.items()}
            key = str(sizes) if self.static else "any"
            if key not in requests:
                if self.static:
                    model.reshape(sizes)
                compiled = self._core.compile_model(model, "CPU")
                self._computes_in = _precision_of(compiled.get_property(_HINT))
                requests[key] = compiled.create_infer_request()
            request = requests[key]
            request.infer({name: self._tensor(array) for name, array in feeds.items()})
            # NumPy has no bfloat16: OpenVINO returns one as float16 with the same bits.
            outputs = (request.get_output_tensor(index).data for index in range(len(case.outputs)))
            return [output.view(case.np_dtype) for output in outputs]

        return run

    def _tensor(self, array: Array) -> Any:
        """An array as an OpenVINO tensor; bfloat16, which NumPy does not have, as its bits and the type."""
        if array.dtype.kind in "fi":
            return array
        return self._openvino.Tensor(array.view(np.uint16), array.shape, self._openvino.Type.bf16)


class OpenVinoStatic(OpenVino):
    """The same model, reshaped to the sizes of each call and compiled for them."""

    name = "openvino-static"
    static = True


class OpenVinoDefault(OpenVino):
    """The same model, in the plugin's default precision: on some processors bf16, even for float32."""

    name = "openvino-default"
    hint = None


def _precision_of(hint: Any) -> Precision:
    """The suite's name of an openvino.Type.

    Raises:
        ValueError: a precision that is not in the plugin's documentation.
    """
    name = str(hint.get_type_name())
    if name not in _PRECISIONS:
        raise ValueError(f"OpenVINO computes in {name}; its documentation names only {', '.join(_PRECISIONS)}")
    return _PRECISIONS[name]
