"""MindSpore's nn.LSTM, in its PyNative mode on the CPU.

    the layer   https://www.mindspore.cn/docs/en/master/api_python/nn/mindspore.nn.LSTM.html

- torch's names of parameters and order of gates; two biases, or none with `has_bias=False`; `batch_first`.
- x and the states are float32 or float16; the states (h_0, c_0) are given both or left out.
- `seq_length` is "the real sequence length before padding to avoid padded elements" in h and in the output. What the
  output holds at a padded step is not documented.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, PaddedY, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import TORCH, pack
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights


class MindSpore(Adapter):
    """mindspore.nn.LSTM."""

    name = "mindspore"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "float32"}),
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        batch_major=True,
        softmax=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import mindspore

        mindspore.set_device("CPU")
        self._ms: Any = mindspore

    @property
    def versions(self) -> dict[str, str]:
        """MindSpore's, and NumPy's, which some of its operators depend on."""
        return {"mindspore": str(self._ms.__version__), "numpy": np.__version__}

    @property
    def settings(self) -> dict[str, str]:
        """Its mode and device."""
        modes = {self._ms.GRAPH_MODE: "graph", self._ms.PYNATIVE_MODE: "pynative"}
        return {
            "mindspore.mode": modes[self._ms.get_context("mode")],
            "mindspore.device_target": str(self._ms.get_context("device_target")),
        }

    def padded_y(self, case: Case) -> PaddedY:
        """Nothing is documented."""
        return "undefined"

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The layer with these weights, and a Dense for the head."""
        nn, ops = self._ms.nn, self._ms.ops
        dtype = getattr(self._ms, case.dtype)
        layer = nn.LSTM(
            case.I,
            case.H,
            case.layers,
            has_bias=case.bias,
            batch_first=case.layout == "batch_major",
            bidirectional=case.D == 2,
            dtype=dtype,
        )
        self._set(layer, _parameters(case, weights))
        head: Any = None
        if weights.W_y is not None and weights.b_y is not None:
            head = nn.Dense(*weights.W_y.shape[::-1], dtype=dtype)
            self._set(head, {"weight": weights.W_y, "bias": weights.b_y})

        def model(inputs: Inputs) -> Outputs:
            states = None
            if inputs.h0 is not None or inputs.c0 is not None:
                states = tuple(self._in(state) for state in zeros_if_absent(case, inputs))
            lengths = None if inputs.lengths is None else self._in(inputs.lengths.astype(np.int32))
            y, finals = layer(self._in(batch_major.given(case, inputs.x)), states, lengths)
            found = [y, *finals]
            if case.head is not None:
                last = y[:, -1] if case.layout == "batch_major" else y[-1]
                found.append(head(y if case.head.after == "every_step" else last))
                if case.head.softmax:
                    found.append(ops.softmax(found[-1], axis=-1))
            return batch_major.canonical(case, [np.array(each.asnumpy()) for each in found])

        return model

    def _in(self, array: Array) -> Any:
        return self._ms.Tensor(np.array(array, order="C"))

    def _set(self, module: Any, values: dict[str, Array]) -> None:
        """Give every parameter of a module its value."""
        parameters = {parameter.name: parameter for parameter in module.get_parameters()}
        assert parameters.keys() == values.keys(), (parameters.keys(), values.keys())
        for name, parameter in parameters.items():
            parameter.set_data(self._in(values[name]))


def _parameters(case: Case, weights: Weights) -> dict[str, Array]:
    """The layer's parameters by their names."""
    found: dict[str, Array] = {}
    for row, layer_weights in enumerate(weights.rows):
        suffix = f"_l{row // case.D}" + ("_reverse" if row % case.D else "")
        packed = pack(TORCH, layer_weights).items()
        found |= {name + suffix: array for name, array in packed if case.bias or not name.startswith("bias")}
    return found
