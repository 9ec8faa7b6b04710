"""The contract between the suite and a framework. docs/adapters.md walks through writing one.

declare   `name`, `capabilities`          read before anything of the framework is imported
make      `__init__(device)`              imports the framework; AdapterUnavailable where it cannot
prepare   `prepare(case, weights)`        builds the layer once, with these weights
call      the returned model(inputs)      canonical arrays in, canonical arrays out, as often as asked
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from conformance.adapters.capabilities import Capabilities
from conformance.case.dtypes import Precision
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

Model = Callable[[Inputs], Outputs]
PaddedY = Literal["zeros", "last"]


class Adapter(ABC):
    """One framework's LSTM behind canonical arrays.

    A model is called with `inputs` whose x is (T', B, I): T' = case.T, or the length of a block where the case is a
    stream. It returns every tensor of `case.outputs` (y with T' steps), each in the case's own dtype, and leaves its
    inputs unchanged. Absent states (None) mean zeros; where the interface allows it, leave them out.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})

    def __init__(self, device: str = "cpu") -> None:
        """Import the framework and choose the device.

        Raises:
            AdapterUnavailable: no such device in this adapter, or not on this machine.
            ImportError: the framework is not installed.
        """
        if device not in self.devices:
            raise AdapterUnavailable(f"{self.name} has no device {device!r}; it has {', '.join(sorted(self.devices))}")
        self.device = device

    @property
    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Name and version of every package whose code computes the answer, the deciding one first."""

    @abstractmethod
    def prepare(self, case: Case, weights: Weights) -> Model:
        """Build the layer with these weights, ready to be called.

        Raises:
            UnsupportedOption: the interface does not accept the case, for a reason `capabilities` cannot express.
        """

    def precision(self, dtype: str) -> Precision:
        """The format the arithmetic is honestly done in when tensors are of this dtype; the dtype itself by default."""
        return dtype  # type: ignore[return-value]  # every dtype name is a precision name

    def padded_y(self, case: Case) -> PaddedY:
        """The framework's documented contract for y past a row's length: zeros, or its last valid y repeated."""
        return "zeros"

    def run(self, case: Case, weights: Weights, inputs: Inputs) -> Outputs:
        """The framework's answer to a case; a stream is fed block by block with the state carried on.

        Raises:
            UnsupportedOption: `capabilities` or `prepare` refuses the case.
        """
        reason = self.capabilities.refusal(case)
        if reason is not None:
            raise UnsupportedOption(f"{self.name} {reason}")
        model = self.prepare(case, weights)
        return model(inputs) if case.blocks is None else _stream(model, case, inputs)


def _stream(model: Model, case: Case, inputs: Inputs) -> Outputs:
    assert case.blocks is not None
    parts: list[Outputs] = []
    state = {"h0": inputs.h0, "c0": inputs.c0}
    start = 0
    for length in case.blocks:
        block = replace(inputs, x=inputs.x[start : start + length], **state)
        parts.append(model(block))
        state = {"h0": parts[-1]["h_n"], "c0": parts[-1]["c_n"]}
        start += length
    whole = dict(parts[-1])
    per_step = ["y"] + (["logits"] if case.head is not None and case.head.after == "every_step" else [])
    whole |= {name: np.concatenate([part[name] for part in parts]) for name in per_step}
    return whole


def zeros_if_absent(case: Case, inputs: Inputs) -> tuple[Array, Array]:
    """h0 (L*D, B, P) and c0 (L*D, B, H), zeros in place of an absent one, for interfaces that want both."""
    rows = case.layers * case.D
    h0 = inputs.h0 if inputs.h0 is not None else np.zeros((rows, case.B, case.output_size), case.np_dtype)
    c0 = inputs.c0 if inputs.c0 is not None else np.zeros((rows, case.B, case.H), case.np_dtype)
    return h0, c0
