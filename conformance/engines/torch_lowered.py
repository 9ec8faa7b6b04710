"""nn.LSTM and the head through torch.export, lowered by another package to a program of its own.

Options are those of nn.LSTM; a packed sequence cannot be exported (https://github.com/pytorch/pytorch/issues/112044), so
there are no lengths. The sizes of the example are those of the program, in which the steps are unrolled: a program is
made for each number of steps and rows.
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
from conformance.case.tensors import Inputs, Outputs, Weights

Program = Callable[[dict[str, Any]], Iterable[Any]]
"""A lowered module: torch's tensors by name -> what it returns, as anything that NumPy takes."""
