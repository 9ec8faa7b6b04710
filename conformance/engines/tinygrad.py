"""tinygrad's nn.LSTMCell on its CPU device, one step per call.

https://docs.tinygrad.org/nn/#tinygrad.nn.LSTMCell. The cell has torch's parameters. The CPU device compiles each kernel
with clang, or with the compiler that the variable CC names: https://docs.tinygrad.org/runtime/. bfloat16 is C's __bf16,
which clang 14 does not have for x86 and clang 19 has.
"""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from typing import Any

import ml_dtypes
import numpy as np

from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.layouts import TORCH, pack
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights


class TinygradCell(Adapter):
    """tinygrad.nn.LSTMCell; a stream of one-step blocks is its natural use."""

    name = "tinygrad"
    capabilities = Capabilities(
        dtypes=frozenset({"float16", "bfloat16", "float32", "float64"}),
        max_layers=1,
        max_steps=1,
        softmax=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        # Kernels are compiled in this process: a pool of processes does not notice when one of them is gone, and waits.
        os.environ.setdefault("PARALLEL", "0")
        import tinygrad

        try:
            tinygrad.Device["CPU"]
        except Exception as error:  # whatever keeps it from compiling
            raise AdapterUnavailable(
                f"tinygrad: its CPU device does not load: {error}; it needs clang on the PATH, or one named in CC"
            ) from error
        self._tinygrad: Any = tinygrad

    @property
    def versions(self) -> dict[str, str]:
        """tinygrad's."""
        return {"tinygrad": version("tinygrad")}

    @property
    def settings(self) -> dict[str, str]:
        """The renderer and the processor that kernels are made for."""
        return {"tinygrad.target": str(self._tinygrad.Device["CPU"].renderer.target)}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The cell with these weights, and a Linear for the head."""
        if case.dtype == "bfloat16":
            self._demand_bfloat16()
        nn = self._tinygrad.nn
        cell = nn.LSTMCell(case.I, case.H, bias=case.bias)
        for name, array in pack(TORCH, weights.rows[0]).items():
            if case.bias or not name.startswith("bias"):
                setattr(cell, name, self._in(array))
        head: Any = None
        if weights.W_y is not None and weights.b_y is not None:
            head = nn.Linear(*weights.W_y.shape[::-1])
            head.weight, head.bias = self._in(weights.W_y), self._in(weights.b_y)

        def model(inputs: Inputs) -> Outputs:
            states = None
            if inputs.h0 is not None or inputs.c0 is not None:  # both or neither
                states = tuple(self._in(state[0]) for state in zeros_if_absent(case, inputs))
            h, c = cell(self._in(inputs.x[0]), states)
            found = [h[None], h[None], c[None]]
            if case.head is not None:
                logits = head(h)
                every = case.head.after == "every_step"
                found += [each[None] if every else each for each in self._read_out(case, logits)]
            return dict(zip(case.outputs, map(self._out, found), strict=True))

        return model

    def _demand_bfloat16(self) -> None:
        try:
            (self._in(np.ones(1, ml_dtypes.bfloat16)) + 1).realize()
        except subprocess.CalledProcessError as error:
            compiler = os.environ.get("CC", "clang")
            raise UnsupportedOption(
                f"tinygrad: {compiler} does not compile bfloat16, C's __bf16; name a newer compiler in CC"
            ) from error

    @staticmethod
    def _read_out(case: Case, logits: Any) -> list[Any]:
        return [logits, logits.softmax()] if case.head is not None and case.head.softmax else [logits]

    def _in(self, array: Array) -> Any:
        tensor, dtypes = self._tinygrad.Tensor, self._tinygrad.dtypes
        if array.dtype == ml_dtypes.bfloat16:  # as NumPy has it, tinygrad takes its name and not its bits
            bits = np.array(array, order="C").view(np.uint16)
            return tensor(bits, device="CPU").bitcast(dtypes.bfloat16)
        return tensor(np.array(array, order="C"), device="CPU")

    def _out(self, tensor: Any) -> Array:
        if tensor.dtype == self._tinygrad.dtypes.bfloat16:  # NumPy does not know tinygrad's
            return np.array(tensor.bitcast(self._tinygrad.dtypes.uint16).numpy()).view(ml_dtypes.bfloat16)
        return np.array(tensor.numpy())
