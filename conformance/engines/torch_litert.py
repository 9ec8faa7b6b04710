"""torch to LiteRT: nn.LSTM and the head through torch.export, converted by LiteRT Torch, in LiteRT's interpreter.

The documentation: https://ai.google.dev/edge/litert/conversion/pytorch/overview. The converter makes no sequence LSTM
operator, which the adapter `litert` runs, but one FULLY_CONNECTED after the other. "If False (default), downcast
int64/float64 tensors, including model inputs and outputs, to int32/float32", says its argument enable_x64, so the
adapter has float32 only.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import numpy as np

from conformance.case.tensors import Array
from conformance.engines.torch_lowered import Lowered, Program


class TorchLiteRT(Lowered):
    """nn.LSTM as a model of TensorFlow Lite, run as the converter's own models run themselves."""

    name = "torch-litert"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import litert_torch

        self._litert_torch: Any = litert_torch

    @property
    def versions(self) -> dict[str, str]:
        """The versions of what converts, and of ai-edge-litert, which computes."""
        return {name: version(name) for name in ("litert-torch", "litert-converter", "torch", "ai-edge-litert")}

    def lower(self, module: Any, example: dict[str, Any]) -> Program:
        """The converted model, which is called with the arguments of the module."""
        converted = self._litert_torch.convert(module, sample_kwargs=example)

        def program(given: dict[str, Any]) -> Iterable[Array]:
            return map(np.array, converted(**{name: tensor.numpy() for name, tensor in given.items()}))

        return program
