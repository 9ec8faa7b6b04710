"""ONNX Runtime's dynamic quantisation: quantize_dynamic makes a DynamicQuantizeLSTM of each LSTM node.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html. W and R become integers of 8 bits, with
one scale for each matrix, or for each of its rows with per_channel=True; x and h are rounded to integers in each
product. The node's other inputs and its attributes are kept, except layout, which the quantised operator does not have
(https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeLSTM): it is
dropped without a word, and the batch-major layout is therefore not declared. Only LSTM nodes are quantised here, so a
head is computed in float32.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from conformance.adapters import onnx_model
from conformance.adapters.onnxruntime_lstm import OnnxRuntime
from conformance.case.dtypes import Precision
from conformance.case.model import Case
from conformance.engines.int8 import Int8


class OnnxRuntimeInt8(Int8, OnnxRuntime):
    """One DynamicQuantizeLSTM per layer, in onnxruntime."""

    name = "onnxruntime-int8"
    capabilities = replace(OnnxRuntime.capabilities, dtypes=frozenset({"float32"}), batch_major=False)
    devices = frozenset({"cpu"})
    per_channel: ClassVar[bool] = False

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        from onnxruntime import quantization

        self._quantize: Any = quantization.quantize_dynamic

    def precision(self, dtype: str) -> Precision:
        """Integers of 8 bits, with a scale for each matrix or each row."""
        return "int8-by-row" if self.per_channel else "int8"

    def load(self, case: Case, model: Any) -> onnx_model.Runner:
        """A session with the quantised model."""
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = Path(folder) / "quantised.onnx"
            logging.disable(logging.WARNING)  # it recommends a preparation that changes nothing here
            try:
                self._quantize(model, path, op_types_to_quantize=["LSTM"], per_channel=self.per_channel)
            finally:
                logging.disable(logging.NOTSET)
            return self._engine.load(path.read_bytes())


class OnnxRuntimeInt8ByRow(OnnxRuntimeInt8):
    """The same with per_channel=True: a scale for each row of W and R."""

    name = "onnxruntime-int8-by-row"
    per_channel = True
