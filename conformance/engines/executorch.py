"""torch to ExecuTorch: nn.LSTM and the head through torch.export, lowered to XNNPACK, in ExecuTorch's runtime.

The documentation: https://docs.pytorch.org/executorch/stable/using-executorch-export.html and
.../runtime-python-api-reference.html.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from conformance.case.tensors import Array
from conformance.engines.torch_lowered import Lowered, Program


class ExecuTorch(Lowered):
    """nn.LSTM as an ExecuTorch program with the XNNPACK backend."""

    name = "executorch"

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
        from executorch.runtime import Runtime

        self._to_edge: Any = to_edge_transform_and_lower
        self._partitioner: Any = XnnpackPartitioner
        self._runtime: Any = Runtime.get()

    @property
    def versions(self) -> dict[str, str]:
        """The version of executorch, and of torch, which exports."""
        return {"executorch": version("executorch"), "torch": version("torch")}

    def lower(self, module: Any, example: dict[str, Any]) -> Program:
        """The method `forward` of the program."""
        logging.disable(logging.WARNING)  # notices of operators that stay with the portable kernels
        try:
            exported = self._torch.export.export(module, (), kwargs=example)
            lowered = self._to_edge(exported, partitioner=[self._partitioner()]).to_executorch()
        finally:
            logging.disable(logging.NOTSET)
        method = self._runtime.load_program(lowered.buffer).load_method("forward")

        def program(given: dict[str, Any]) -> Iterable[Array]:
            return map(self.modules.to_numpy, method.execute(list(given.values())))

        return program
