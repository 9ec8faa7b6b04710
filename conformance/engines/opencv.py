"""OpenCV's DNN module, through its importer of ONNX models.

`Net::setInput` takes "CV_32F or CV_8U" (https://docs.opencv.org/5.x/db/d30/classcv_1_1dnn_1_1Net.html), so the adapter
has float32 only. The importer reads the operator LSTM; its layer (modules/dnn/src/layers/recurrent2_layers.cpp in
https://github.com/opencv/opencv) refuses activations other than Sigmoid and Tanh and lists of more than three
(recurrent_layers.cpp), and, as it says itself, "Required inputs: X, W, R, B, seqLen, h0, c0 [, P for peephole]": where
one of the last four is given, both states have to be. It raises nothing about any other attribute, so all of them are
declared; the documentation does not say which of the two readings of clip is meant, and onnxruntime's is declared. The
graph outputs need shapes, which ONNX does not require. Rows of length 0 and y past a length are not documented.

What the module says it has not implemented (its error code -213) is unsupported, so that a version that has it is
noticed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.adapters import onnx_model
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

_ACTIVATIONS = any_of("sigmoid", "tanh")
_NOT_IMPLEMENTED = "(-213:"


class OpenCV(Adapter):
    """One LSTM node per layer, in the engine that OpenCV chooses."""

    name = "opencv"
    capabilities = Capabilities(
        directions=frozenset({"forward", "reverse", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        activations=ActivationSupport(_ACTIVATIONS, _ACTIVATIONS, _ACTIVATIONS),
        batch_major=True,
        peephole=onnx_model.PEEPHOLE,
        gate_clip=frozenset({"gates"}),
        coupling=onnx_model.COUPLING,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what it raises it prints as well
        import cv2
        import onnx  # noqa: F401  # it builds the models; missing, it should show now

        self._cv2: Any = cv2

    @property
    def versions(self) -> dict[str, str]:
        """OpenCV's version."""
        return {"opencv": str(self._cv2.__version__)}

    @property
    def settings(self) -> dict[str, str]:
        """The number of threads, and whether code for the processor's own instructions is used."""
        return {
            "opencv.threads": str(self._cv2.getNumThreads()),
            "opencv.optimized": "on" if self._cv2.useOptimized() else "off",
        }

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The case's ONNX model, read."""
        model = onnx_model.prepare(case, weights, self.load)

        def with_required_states(inputs: Inputs) -> Outputs:
            given = [inputs.h0 is not None, inputs.c0 is not None, inputs.lengths is not None, case.peephole]
            if any(given) and not all(given[:2]):
                h0, c0 = zeros_if_absent(case, inputs)
                inputs = replace(inputs, h0=h0, c0=c0)
            return model(inputs)

        return with_required_states

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """An ONNX model as a net."""
        net = self._asked(self._cv2.dnn.readNetFromONNX, np.frombuffer(model.SerializeToString(), np.uint8))

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            for name, array in feeds.items():
                self._asked(net.setInput, array, name)
            found: list[Array] = self._asked(net.forward, list(case.outputs))
            return found

        return run

    def _asked(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._cv2.error as error:
            if _NOT_IMPLEMENTED in str(error):
                raise UnsupportedOption(f"OpenCV: {' '.join(str(error).split())}") from error
            raise
