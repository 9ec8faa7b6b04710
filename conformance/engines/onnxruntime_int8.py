"""ONNX Runtime's dynamic quantisation: quantize_dynamic makes a DynamicQuantizeLSTM of each LSTM node.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html. W and R become integers of 8 bits, with
one scale for each matrix, or for each of its rows with per_channel=True; x and h are rounded to integers in each
product. The node's other inputs and its attributes are kept, except layout, which the quantised operator does not have
(https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeLSTM): it is
dropped without a word, and the batch-major layout is therefore not declared. Only LSTM nodes are quantised here, so a
head is computed in float32.

On a processor of the x86-64 kind without instructions for sums of such products (VNNI) the sum of two neighbouring ones
stops at the end of 16 bits, which that page mentions under "When and why do I need to try U8U8?". What the session here
does is found out and reported as the setting onnxruntime.int8_products, for known deviations to name.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from conformance.adapters import onnx_model
from conformance.adapters.onnxruntime_lstm import OnnxRuntime
from conformance.case.dtypes import Precision
from conformance.case.model import Case
from conformance.engines.int8 import Int8

_PRODUCTS = """
    <ir_version: 10, opset_import: ["": 22]>
    products (uint8[2, 4] x) => (int32[2, 1] y) <int8[4, 1] w = {127, 127, 127, 127}> { y = MatMulInteger(x, w) }
"""
"""Sums of products that fit into 32 bits, but not into 16."""


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

    @functools.cached_property
    def products(self) -> str:
        """Whether sums of products of 8-bit integers are "exact" here or "saturated"."""
        import onnx.parser

        run = self._engine.load(onnx.parser.parse_model(_PRODUCTS).SerializeToString())
        [sums] = run({"x": np.full((2, 4), 255, np.uint8)})
        return "exact" if np.all(sums == 4 * 255 * 127) else "saturated"

    @property
    def settings(self) -> dict[str, str]:
        """Those of a session, and what becomes of products of integers."""
        return super().settings | {"onnxruntime.int8_products": self.products}

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
