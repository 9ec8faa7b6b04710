"""The LSTMs of torch.ao: the quantizable one, in float32, and the dynamically quantised one.

    torch-quantizable   torch.ao.nn.quantizable.LSTM, made by from_float from an nn.LSTM in evaluation mode, without
                        observers: https://docs.pytorch.org/docs/stable/generated/torch.ao.nn.quantizable.LSTM.html
    torch-int8          torch.ao.quantization.quantize_dynamic over nn.LSTM, with its default, qint8:
                        https://docs.pytorch.org/docs/stable/generated/torch.ao.quantization.quantize_dynamic.html

The first takes the arguments of nn.LSTM but proj_size, and tensors only; from_float makes it in float32. The second has
packed sequences, and no proj_size either (https://github.com/pytorch/pytorch/issues/74953); its weights are integers of
8 bits with one scale for each matrix, x and h are rounded to integers in each product. Linear layers are left alone.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from conformance.adapters.capabilities import Capabilities
from conformance.adapters.torch_lstm import TorchLSTM
from conformance.case.dtypes import Precision
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Weights
from conformance.engines.int8 import Int8

_CAPABILITIES = Capabilities(directions=frozenset({"forward", "bidirectional"}), batch_major=True)


class TorchQuantizable(TorchLSTM):
    """torch.ao.nn.quantizable.LSTM in float32."""

    name = "torch-quantizable"
    capabilities = _CAPABILITIES
    devices = frozenset({"cpu"})

    def build(self, case: Case, weights: Weights) -> Any:
        """The module with a quantizable LSTM in place of its own."""
        module = super().build(case, weights)
        module.layer.qconfig = None  # no observers: nothing is to be quantised
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao is deprecated
            module.layer = self._torch.ao.nn.quantizable.LSTM.from_float(module.layer)
        return module


class TorchInt8(Int8, TorchLSTM):
    """nn.LSTM, dynamically quantised to 8-bit integers."""

    name = "torch-int8"
    capabilities = replace(
        _CAPABILITIES, lengths="each", min_length=1, lengths_via=frozenset({"packed", "packed-sorted"})
    )
    devices = frozenset({"cpu"})

    def precision(self, dtype: str) -> Precision:
        """Integers of 8 bits, one scale for each matrix."""
        return "int8"

    def build(self, case: Case, weights: Weights) -> Any:
        """The module with a quantised LSTM in place of its own."""
        if not case.bias:
            raise UnsupportedOption(f"{self.name}: quantize_dynamic needs an LSTM with biases")
        module = super().build(case, weights)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao is deprecated
            return self._torch.ao.quantization.quantize_dynamic(module, {self._torch.nn.LSTM})
