"""Paddle to ONNX Runtime: paddle.nn.LSTM and the head, exported by paddle.onnx.export (paddle2onnx).

    paddle.nn.LSTM      https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn/LSTM_en.html
    paddle.onnx.export  https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/onnx/export_en.html

The layer has two biases, `time_major`, initial states given together or left out, and a length for each row,
`sequence_length`; no reverse scan alone and no choice of activations. The export states its inputs' shapes, in which
the numbers of steps and rows are left open.

Some valid layers are not asked of it: docs/adapters.md#what-is-not-asked.

y past a row's length is zero in Paddle (python/paddle/nn/layer/rnn.py masks the outputs).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import TORCH, pack
from conformance.adapters.onnx_model import Runner, feeds
from conformance.adapters.onnxruntime_lstm import Engine
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

_OPSET = 15


class PaddleExport(Adapter):
    """paddle.nn.LSTM, exported to ONNX and run by onnxruntime."""

    name = "paddle-onnxruntime"
    capabilities = Capabilities(
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=1,
        lengths_via=frozenset({"argument"}),
        batch_major=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import paddle
        import paddle2onnx  # noqa: F401  # Paddle imports it when it exports; a missing package should show now

        self._paddle: Any = paddle
        self._engine = Engine(device)

    @property
    def versions(self) -> dict[str, str]:
        """The exporter first, because it decides the graph, then what is before and after it."""
        return {name: version(name) for name in ("paddle2onnx", "paddlepaddle", "onnxruntime")}

    @property
    def settings(self) -> dict[str, str]:
        """Those of onnxruntime, which computes."""
        return self._engine.settings

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A session with the exported layer, with the states as inputs if they are given."""
        if not case.bias:
            raise UnsupportedOption(f"{self.name}: not asked of it, see docs/adapters.md#what-is-not-asked")
        layer = _layer(self._paddle, case, weights)
        runners: dict[bool, Runner] = {}

        def model(inputs: Inputs) -> Outputs:
            has_state = inputs.h0 is not None or inputs.c0 is not None
            given = feeds(inputs, np.dtype(np.int32)) | {"x": batch_major.given(case, inputs.x)}
            if has_state:
                given |= zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
            if has_state not in runners:
                runners[has_state] = self._engine.load(self._export(case, layer, list(given)))
            return batch_major.canonical(case, map(np.array, runners[has_state](given)))

        return model

    def _export(self, case: Case, layer: Any, names: list[str]) -> bytes:
        """The ONNX model of a layer whose inputs are these."""
        rows, spec = case.layers * case.D, self._paddle.static.InputSpec
        state = [rows, None, case.H]
        shapes = {"x": [None, None, case.I], "lengths": [None], "h0": state, "c0": state}
        specs = {name: spec(shapes[name], "int32" if name == "lengths" else "float32", name) for name in names}
        ordered = [specs.get(name) for name in ("x", "lengths", "h0", "c0")]
        logging.disable(logging.WARNING)
        try:
            with (
                tempfile.TemporaryDirectory() as folder,
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                path = Path(folder) / "model"
                self._paddle.onnx.export(layer, str(path), input_spec=ordered, opset_version=_OPSET)
                return path.with_suffix(".onnx").read_bytes()
        finally:
            logging.disable(logging.NOTSET)


def _layer(paddle: Any, case: Case, weights: Weights) -> Any:
    """The LSTM with the case's weights and head, called with x, lengths, h0 and c0."""

    class Layer(paddle.nn.Layer):  # type: ignore[misc]  # paddle is untyped to mypy
        def __init__(self) -> None:
            super().__init__()
            direction = "forward" if case.D == 1 else "bidirect"
            time_major = case.layout == "time_major"
            self.lstm = paddle.nn.LSTM(case.I, case.H, case.layers, direction, time_major=time_major)
            if case.head is not None:
                self.head = paddle.nn.Linear(case.D * case.H, case.head.O)

        def forward(self, x: Any, lengths: Any = None, h0: Any = None, c0: Any = None) -> Any:
            y, (h_n, c_n) = self.lstm(x, None if h0 is None else (h0, c0), lengths)
            if case.head is None:
                return y, h_n, c_n
            last = y[-1] if case.layout == "time_major" else y[:, -1]
            return y, h_n, c_n, self.head(y if case.head.after == "every_step" else last)

    layer = Layer()
    layer.eval()
    named: dict[str, Array] = {}
    for row, tensors in enumerate(weights.rows):
        suffix = f"_l{row // case.D}" + ("_reverse" if row % case.D else "")
        named |= {f"lstm.{name}{suffix}": array for name, array in pack(TORCH, tensors).items()}
    if weights.W_y is not None and weights.b_y is not None:
        named |= {"head.weight": np.ascontiguousarray(weights.W_y.T), "head.bias": weights.b_y}
    for name, parameter in layer.named_parameters():
        parameter.set_value(named[name])
    return layer
