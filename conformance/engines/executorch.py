"""torch to ExecuTorch: nn.LSTM and the head through torch.export, lowered to XNNPACK, in ExecuTorch's runtime.

The documentation: https://docs.pytorch.org/executorch/stable/using-executorch-export.html and
.../runtime-python-api-reference.html. Options are those of nn.LSTM; a packed sequence cannot be exported
(https://github.com/pytorch/pytorch/issues/112044), so there are no lengths. The sizes of the example are those of the
program, in which the steps are unrolled: a program is made for each number of steps and rows.
"""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from typing import Any

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights


class ExecuTorch(Adapter):
    """nn.LSTM as an ExecuTorch program with the XNNPACK backend."""

    name = "executorch"
    capabilities = Capabilities(
        directions=frozenset({"forward", "bidirectional"}), batch_major=True, projection=True, softmax=True
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import torch
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
        from executorch.runtime import Runtime

        from conformance.adapters import torch_module

        self._torch: Any = torch
        self._modules = torch_module
        self._lower: Any = to_edge_transform_and_lower
        self._partitioner: Any = XnnpackPartitioner
        self._runtime: Any = Runtime.get()

    @property
    def versions(self) -> dict[str, str]:
        """The version of executorch, and of torch, which exports."""
        return {"executorch": version("executorch"), "torch": str(self._torch.__version__)}

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A program for each number of steps and rows, with the states as inputs if they are given."""
        module = self._modules.build(self._modules.LSTM, case, weights)
        methods: dict[tuple[tuple[int, ...], int], Any] = {}

        def model(inputs: Inputs) -> Outputs:
            given = {"x": batch_major.given(case, inputs.x)}
            if inputs.h0 is not None or inputs.c0 is not None:
                given |= zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
            arguments = {name: self._modules.to_torch(array) for name, array in given.items()}
            key = (inputs.x.shape, len(arguments))
            if key not in methods:
                methods[key] = self._load(module, arguments)
            found = methods[key].execute(list(arguments.values()))
            return batch_major.canonical(case, map(self._modules.to_numpy, found))

        return model

    def _load(self, module: Any, example: dict[str, Any]) -> Any:
        """The method `forward` of the program of a module called with arguments of these shapes."""
        logging.disable(logging.WARNING)  # notices of operators that stay with the portable kernels
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exported = self._torch.export.export(module, (), kwargs=example)
                lowered = self._lower(exported, partitioner=[self._partitioner()]).to_executorch()
        finally:
            logging.disable(logging.NOTSET)
        return self._runtime.load_program(lowered.buffer).load_method("forward")
