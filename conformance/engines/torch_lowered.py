"""nn.LSTM and the head through torch.export, lowered by another package to a program of its own.

Options are those of nn.LSTM; a packed sequence cannot be exported (https://github.com/pytorch/pytorch/issues/112044),
so there are no lengths. The sizes of the example are those of the program, in which the steps are unrolled: a program
is made for each number of steps and rows.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

Program = Callable[[dict[str, Any]], Iterable[Array]]
"""A lowered module: tensors of torch by name -> what it returns, in the order of `Case.outputs`."""


class Lowered(Adapter):
    """nn.LSTM and a Linear, lowered for the sizes of each call."""

    capabilities = Capabilities(
        directions=frozenset({"forward", "bidirectional"}), batch_major=True, projection=True, softmax=True
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import torch

        from conformance.adapters import torch_module

        self._torch: Any = torch
        self.modules = torch_module

    @abstractmethod
    def lower(self, module: Any, example: dict[str, Any]) -> Program:
        """The program of a module called with keyword arguments like the example's, in their order."""

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A program for each number of steps and rows, with the states as inputs if they are given."""
        module = self.modules.build(self.modules.LSTM, case, weights)
        programs: dict[tuple[tuple[int, ...], int], Program] = {}

        def model(inputs: Inputs) -> Outputs:
            given = {"x": batch_major.given(case, inputs.x)}
            if inputs.h0 is not None or inputs.c0 is not None:
                given |= zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
            arguments = {name: self.modules.to_torch(array) for name, array in given.items()}
            key = (inputs.x.shape, len(arguments))
            if key not in programs:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    programs[key] = self.lower(module, arguments)
            return batch_major.canonical(case, programs[key](arguments))

        return model
