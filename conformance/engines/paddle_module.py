"""Paddle layers with a case's weights, and conversion of arrays. It imports paddle: adapters import it in __init__.

    nn.LSTM   https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn/LSTM_en.html

The parameters of one layer and direction are those of its LSTMCell: torch's names and order of gates, i, f, g, o, two
biases, and `weight_ho` (H, P), the projection. A case without biases has zeros there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from conformance.adapters.layouts import Layout, pack
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights

_PROJECTION = "weight_ho"
_TENSORS = {"weight_ih": ("W",), "weight_hh": ("R",), "bias_ih": ("b_w",), "bias_hh": ("b_r",)}
LAYOUT = Layout("ifgo", _TENSORS, projection=_PROJECTION)


class LSTM(paddle.nn.Layer):  # type: ignore[misc]  # paddle is untyped to mypy
    """nn.LSTM in `layer`, and the case's head, a Linear, in `head` (None without one)."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.time_major = case.layout == "time_major"
        self.layer = paddle.nn.LSTM(
            case.I,
            case.H,
            case.layers,
            direction="bidirect" if case.D == 2 else "forward",
            time_major=self.time_major,
            proj_size=case.P or 0,
        )
        self.head: Any = None
        self.head_on_last_step = self.softmax = False
        if case.head is not None:
            self.head = paddle.nn.Linear(case.D * case.output_size, case.head.O)
            self.head_on_last_step, self.softmax = case.head.after == "last_step", case.head.softmax

    @property
    def cells(self) -> list[Any]:
        """The LSTMCell of each layer and direction, in canonical order."""
        names = ("cell_fw", "cell_bw") if self.layer.num_directions == 2 else ("cell",)
        return [getattr(layer, name) for layer in self.layer for name in names]

    def forward(self, x: Any, h0: Any = None, c0: Any = None, lengths: Any = None) -> tuple[Any, ...]:
        """x in the layer's layout, h0 (L*D, B, P) and c0 (L*D, B, H), both or neither, lengths (B,).

        Returns y, h_n, c_n and what the head adds to them, in the order of `Case.outputs`.
        """
        y, (h_n, c_n) = self.layer(x, None if h0 is None else (h0, c0), lengths)
        if self.head is None:
            return y, h_n, c_n
        read = y
        if self.head_on_last_step:
            read = y[-1] if self.time_major else y[:, -1]
        logits = self.head(read)
        if not self.softmax:
            return y, h_n, c_n, logits
        return y, h_n, c_n, logits, paddle.nn.functional.softmax(logits)


def build(case: Case, weights: Weights) -> LSTM:
    """The module with the case's weights, in evaluation mode.

    Raises:
        UnsupportedOption: Paddle does not accept these sizes.
    """
    if case.P is not None and case.P >= case.H:
        raise UnsupportedOption("paddle: proj_size must be smaller than hidden_size")
    paddle.set_default_dtype(case.dtype)  # the layers have no argument for it
    module = LSTM(case)
    for cell, row in zip(module.cells, weights.rows, strict=True):
        for name, array in turned(pack(LAYOUT, row)).items():
            getattr(cell, name).set_value(array)
    if weights.W_y is not None:
        module.head.weight.set_value(np.array(weights.W_y.T, order="C"))
        module.head.bias.set_value(weights.b_y)
    module.eval()
    return module


def turned(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors of a cell between Paddle and LAYOUT: in Paddle, only the projection is transposed."""
    return {name: np.array(array.T if name == _PROJECTION else array, order="C") for name, array in tensors.items()}
