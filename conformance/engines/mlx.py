"""MLX's nn.LSTM, on the CPU.

https://ml-explore.github.io/mlx/build/html/python/nn/_autosummary/mlx.nn.LSTM.html

- The layer has one direction and one bias; x is (N, L, D), and layers are put one behind the other.
- It returns h and c of every step, so the last of them are the final states; a sequence of no steps is refused.
- `hidden` and `cell` may each be left out.
- Arrays of float64 exist on the CPU only: https://ml-explore.github.io/mlx/build/html/python/data_types.html
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import ml_dtypes
import numpy as np

from conformance.adapters.base import Adapter, Model
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import Layout, pack
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

LAYOUT = Layout("ifgo", {"Wx": ("W",), "Wh": ("R",), "bias": ("b",)})


class Mlx(Adapter):
    """mlx.nn.LSTM."""

    name = "mlx"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        batch_major=True,
        softmax=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import mlx.core
        import mlx.nn

        self._mx: Any = mlx.core
        self._nn: Any = mlx.nn
        self._mx.set_default_device(self._mx.cpu)

    @property
    def versions(self) -> dict[str, str]:
        """MLX's, and on Linux that of the package with its kernels."""
        return {name: version(name) for name in ("mlx", "mlx-cpu")}

    @property
    def settings(self) -> dict[str, str]:
        """The device that computes."""
        return {"mlx.default_device": str(self._mx.default_device())}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The layers with these weights, and a Linear for the head."""
        layers = []
        for layer, row in enumerate(weights.rows):
            module = self._nn.LSTM(case.input_size(layer), case.H, bias=case.bias)
            packed = pack(LAYOUT, row)
            module.update({n: self._in(packed[n]) for n in LAYOUT.tensors if case.bias or n != "bias"})
            layers.append(module)
        head: Any = None
        if weights.W_y is not None and weights.b_y is not None:
            head = self._nn.Linear(*weights.W_y.shape[::-1])
            head.update({"weight": self._in(weights.W_y), "bias": self._in(weights.b_y)})

        def model(inputs: Inputs) -> Outputs:
            y, finals = self._in(inputs.x.swapaxes(0, 1)), []
            for layer, module in enumerate(layers):
                given = {"hidden": inputs.h0, "cell": inputs.c0}
                states = {n: self._in(state[layer]) for n, state in given.items() if state is not None}
                y, cells = module(y, **states)
                finals.append((y[:, -1], cells[:, -1]))
            found = [y, *(self._mx.stack(states) for states in zip(*finals, strict=True))]
            if case.head is not None:
                found.append(head(y if case.head.after == "every_step" else y[:, -1]))
                if case.head.softmax:
                    found.append(self._mx.softmax(found[-1], axis=-1))
            return _time_major(case, [self._out(each) for each in found])

        return model

    def _in(self, array: Array) -> Any:
        """An array of MLX of the same dtype; without one, float64 would become float32."""
        return self._mx.array(array, dtype=getattr(self._mx, array.dtype.name))

    def _out(self, array: Any) -> Array:
        if array.dtype == self._mx.bfloat16:  # NumPy does not know MLX's
            return np.array(array.view(self._mx.uint16)).view(ml_dtypes.bfloat16)
        return np.array(array)


def _time_major(case: Case, found: list[Array]) -> Outputs:
    """The outputs by name, from what is batch-major at the interface of MLX whatever the case's layout is."""
    outputs = dict(zip(case.outputs, found, strict=True))
    per_step = {"y"}
    if case.head is not None and case.head.after == "every_step":
        per_step |= {"logits", "probabilities"}
    return {n: np.array(a.swapaxes(0, 1), order="C") if n in per_step else a for n, a in outputs.items()}
