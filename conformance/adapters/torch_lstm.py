"""torch: nn.LSTM over whole sequences, and nn.LSTMCell step by step.

The documentation: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html (two biases, no
reverse-only direction, no choice of activations, (h_0, c_0) given together or left out, proj_size, batch_first) and
.../torch.nn.LSTMCell.html. A row's own length goes through pack_padded_sequence, which refuses length 0
("Length of all samples has to be greater than 0") and, with enforce_sorted, rows that do not come longest first;
pad_packed_sequence fills y past the length with its `padding_value`, 0 by default.
"""

from __future__ import annotations

from typing import Any, ClassVar

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.settings import of_torch
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights

_DTYPES = frozenset({"float16", "bfloat16", "float32", "float64"})


class TorchLSTM(Adapter):
    """nn.LSTM, eager."""

    name = "torch"
    capabilities = Capabilities(
        dtypes=_DTYPES,
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=1,
        lengths_via=frozenset({"packed", "packed-sorted"}),
        batch_major=True,
        projection=True,
        softmax=True,
        cross_entropy=True,
        gradients=frozenset({"whole", "truncated"}),
    )
    devices = frozenset({"cpu", "cuda", "mps"})
    module: ClassVar[str] = "LSTM"
    """The class in conformance.adapters.torch_module that computes."""

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import torch

        from conformance.adapters import torch_gradients, torch_module

        self._torch: Any = torch
        self._modules = torch_module
        self._gradients = torch_gradients
        missing = f"{self.name}: torch {self._torch.__version__} finds no {device.upper()} device here"
        if device == "mps" and not self._torch.backends.mps.is_available():
            raise AdapterUnavailable(missing)
        if device == "cuda":
            if not self._torch.cuda.is_available():
                raise AdapterUnavailable(missing)
            # By default cuDNN's RNNs use TF32 for float32, with 10 bits of fraction instead of 23.
            self._torch.backends.cuda.matmul.allow_tf32 = False
            self._torch.backends.cudnn.allow_tf32 = False

    @property
    def versions(self) -> dict[str, str]:
        """The version of torch, and on CUDA those of the libraries that compute."""
        versions = {"torch": str(self._torch.__version__)}
        if self.device == "cuda":
            versions["cudnn"] = str(self._torch.backends.cudnn.version())
            versions["cuda"] = str(self._torch.version.cuda)
        return versions

    @property
    def settings(self) -> dict[str, str]:
        """Those of torch for the device."""
        return of_torch(self._torch, self.device)

    def build(self, case: Case, weights: Weights) -> Any:
        """The module with these weights, on the device."""
        return self._modules.build(getattr(self._modules, self.module), case, weights, self.device)

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The module, ready to be called."""
        if self.device == "mps" and case.dtype == "float64":
            raise UnsupportedOption(f"{self.name}: the MPS framework doesn't support float64")
        modules = self._modules
        module = self.build(case, weights)

        def model(inputs: Inputs) -> Outputs:
            modules.check_order(case, inputs)
            if case.has_loss:
                found: Outputs = self._gradients.outputs_of(module, case, inputs, self.device)
                return found
            arguments = {"x": modules.to_torch(batch_major.given(case, inputs.x), self.device)}
            if inputs.lengths is not None:
                arguments["lengths"] = modules.to_torch(inputs.lengths)
            if inputs.h0 is not None or inputs.c0 is not None:
                states = zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
                arguments |= {name: modules.to_torch(state, self.device) for name, state in states}
            with self._torch.no_grad():
                outputs = module(**arguments)
            return batch_major.canonical(case, map(modules.to_numpy, outputs))

        return model


class TorchLSTMCell(TorchLSTM):
    """nn.LSTMCell: one step of one layer per call; a stream of one-step blocks is its natural use."""

    name = "torch-cell"
    capabilities = Capabilities(
        dtypes=_DTYPES,
        max_layers=1,
        max_steps=1,
        softmax=True,
        cross_entropy=True,
        gradients=frozenset({"whole", "truncated"}),
    )
    module = "LSTMCell"
