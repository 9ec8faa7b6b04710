"""torch modules with a case's weights, and conversion of tensors to and from NumPy.

Shared by the torch adapters and the routes that export from torch. It imports torch, so adapters import it only in
their __init__.

    nn.LSTM       https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
    nn.LSTMCell   https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
    lengths       https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import torch

from conformance.adapters.layouts import TORCH, pack
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Weights


class _Recurrent(torch.nn.Module):  # type: ignore[misc]  # torch is untyped to mypy
    """A recurrent layer in `layer`, and the case's head, a Linear, in `head` (None without one)."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.batch_first = case.layout == "batch_major"
        self.layer = self._layer_of(case)
        self.head: Any = None
        self.head_on_last_step = self.softmax = False
        if case.head is not None:
            self.softmax = case.head.softmax
            self.head = torch.nn.Linear(case.D * case.output_size, case.head.O, dtype=dtype_of(case))
            self.head_on_last_step = case.head.after == "last_step"

    @staticmethod
    def _layer_of(case: Case) -> Any:
        """The layer, still with torch's initial weights."""
        raise NotImplementedError

    @staticmethod
    def suffix(case: Case, row: int) -> str:
        """The suffix of torch's parameter names for a layer and direction."""
        return f"_l{row // case.D}" + ("_reverse" if row % case.D else "")

    def with_logits(self, y: Any, h_n: Any, c_n: Any) -> tuple[Any, ...]:
        """(y, h_n, c_n), and the head's logits if there is one, in the order of `Case.outputs`."""
        if self.head is None:
            return y, h_n, c_n
        read = (y[:, -1] if self.batch_first else y[-1]) if self.head_on_last_step else y
        logits = self.head(read)
        return (y, h_n, c_n, logits, torch.softmax(logits, -1)) if self.softmax else (y, h_n, c_n, logits)


class LSTM(_Recurrent):
    """nn.LSTM; lengths are given as a packed sequence, the documented way for lengths per row.

    With batch_first, x and y are (B, T, .); the states are always (L*D, B, .).
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.enforce_sorted = case.lengths_via == "packed-sorted"

    @staticmethod
    def _layer_of(case: Case) -> Any:
        return torch.nn.LSTM(
            case.I,
            case.H,
            case.layers,
            bias=case.bias,
            batch_first=case.layout == "batch_major",
            bidirectional=case.direction == "bidirectional",
            proj_size=case.P or 0,
            dtype=dtype_of(case),
        )

    def forward(self, x: Any, lengths: Any = None, h0: Any = None, c0: Any = None) -> tuple[Any, ...]:
        """x in the layer's layout, lengths (B,) on the CPU, h0 (L*D, B, P) and c0 (L*D, B, H), both or neither."""
        state = None if h0 is None else (h0, c0)
        if lengths is None:
            y, (h_n, c_n) = self.layer(x, state)
        else:
            steps = x.shape[1 if self.batch_first else 0]
            packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, self.batch_first, self.enforce_sorted)
            y, (h_n, c_n) = self.layer(packed, state)
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, self.batch_first, total_length=steps)
        return self.with_logits(y, h_n, c_n)


class LSTMCell(_Recurrent):
    """nn.LSTMCell: one step."""

    @staticmethod
    def _layer_of(case: Case) -> Any:
        return torch.nn.LSTMCell(case.I, case.H, bias=case.bias, dtype=dtype_of(case))

    @staticmethod
    def suffix(case: Case, row: int) -> str:
        """Nothing: there is one layer and one direction."""
        return ""

    def forward(self, x: Any, lengths: Any = None, h0: Any = None, c0: Any = None) -> tuple[Any, ...]:
        """x (1, B, I), h0 and c0 (1, B, H), both or neither."""
        assert lengths is None
        h, c = self.layer(x[0], None if h0 is None else (h0[0], c0[0]))
        return self.with_logits(h[None], h[None], c[None])


def build(kind: type[_Recurrent], case: Case, weights: Weights, device: str = "cpu") -> Any:
    """The module with the case's weights, in evaluation mode, on a device.

    Raises:
        UnsupportedOption: torch does not accept these sizes or lengths.
    """
    if case.P is not None and case.P >= case.H:
        raise UnsupportedOption("torch: proj_size has to be smaller than hidden_size")
    if case.lengths is not None and case.B == 0:
        raise UnsupportedOption("torch: pack_padded_sequence cannot pack empty tensors")
    module = kind(case)
    # strict: the state must have every parameter of the module, and nothing else.
    module.load_state_dict(_state_dict(module, case, weights), strict=True)
    return module.to(device).eval()


def check_order(case: Case, inputs: Inputs) -> None:
    """Refuse lengths in an order that the case's way of handing them over does not accept.

    Raises:
        UnsupportedOption: they must be sorted, and are not.
    """
    if case.lengths_via == "packed-sorted" and inputs.lengths is not None and np.any(np.diff(inputs.lengths) > 0):
        raise UnsupportedOption("torch: pack_padded_sequence(enforce_sorted=True) takes the longest row first")


def dtype_of(case: Case) -> Any:
    """The torch dtype of a case; torch has the same names."""
    return getattr(torch, case.dtype)


def to_torch(array: Array, device: str = "cpu") -> Any:
    """A new tensor with the array's numbers."""
    if array.dtype == ml_dtypes.bfloat16:  # unknown to torch.from_numpy, so its bits are passed as integers
        return torch.from_numpy(np.array(array, order="C").view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(np.array(array, order="C")).to(device)


def to_numpy(tensor: Any) -> Array:
    """A new array with the tensor's numbers."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return np.array(tensor.view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
    return np.array(tensor.numpy())


def _state_dict(module: _Recurrent, case: Case, weights: Weights) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for row, layer_weights in enumerate(weights.rows):
        suffix = module.suffix(case, row)
        for name, array in pack(TORCH, layer_weights).items():
            if case.bias or not name.startswith("bias"):
                state[f"layer.{name}{suffix}"] = to_torch(array)
    if weights.W_y is not None and weights.b_y is not None:
        state |= {"head.weight": to_torch(weights.W_y), "head.bias": to_torch(weights.b_y)}
    return state
