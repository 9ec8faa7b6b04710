"""The contract between the suite and a framework's adapter. docs/adapters.md walks through writing one.

declare   `name`, `capabilities`          read before the framework is imported
make      `__init__(device)`              imports the framework; AdapterUnavailable if it cannot
prepare   `prepare(case, weights)`        builds the layer once, with these weights
call      the returned model(inputs)      canonical arrays in, canonical arrays out, as often as asked
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from conformance.adapters.capabilities import Capabilities
from conformance.case.dtypes import Precision
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights

Model = Callable[[Inputs], Outputs]
PaddedY = Literal["zeros", "last", "undefined"]
EmptyRows = Literal["initial", "zeros"]


class Adapter(ABC):
    """One framework's LSTM behind canonical arrays.

    A model is called with `inputs` whose x is (T', B', I): T' = case.T, or the length of a block if the case is a
    stream; B' = case.B, or the rows of one call if the case has several. `inputs.lengths` are those within the T'
    steps, 0 for a row that ended in an earlier block. The model returns every tensor of `case.outputs` (y with T' steps
    and B' rows), each in the case's own dtype, and leaves its inputs unchanged. If `case.has_loss`, it is called once
    with the whole sequence and divides that into `case.blocks` itself. Absent states (None) mean zeros; if the
    interface allows it, leave them out.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    devices: ClassVar[frozenset[str]] = frozenset({"cpu"})
    alone: ClassVar[bool] = False
    """Whether a run must not have two processes of it at a time, because it has a board, a port or a licence to itself.

    Of a device other than cpu, or at a place reached by ssh, there is only one in any case.
    """

    def __init__(self, device: str = "cpu") -> None:
        """Import the framework and choose the device.

        Raises:
            AdapterUnavailable: the adapter has no such device, or this machine has not.
            ImportError: the framework is not installed.
        """
        if device not in self.devices:
            raise AdapterUnavailable(f"{self.name} has no device {device!r}; it has {', '.join(sorted(self.devices))}")
        self.device = device

    @property
    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Name and version of every package whose code computes the answer, the decisive one first."""

    @property
    def settings(self) -> dict[str, str]:
        """The framework settings that affect precision and the choice of kernels: names and values, read from it.

        They are recorded with the results. conformance.adapters.settings reads those of the built-in frameworks.
        """
        return {}

    @abstractmethod
    def prepare(self, case: Case, weights: Weights) -> Model:
        """Build the layer with these weights, ready to be called.

        Raises:
            UnsupportedOption: the interface does not accept the case, for a reason that `capabilities` cannot express.
        """

    def precision(self, dtype: str) -> Precision:
        """The format in which the arithmetic is really done for tensors of this dtype; by default the dtype itself."""
        return dtype  # type: ignore[return-value]  # every dtype name is a precision name

    def padded_y(self, case: Case) -> PaddedY:
        """The framework's documented contract for y at the steps that a row leaves out.

        `zeros`; `last`, the previous y in the order of the scan, or zeros if there is none; or `undefined`, if the
        documentation promises nothing: any number is right there, even NaN.
        """
        return "zeros"

    def empty_rows(self, case: Case) -> EmptyRows:
        """The framework's documented contract for h_n and c_n of a row of length 0: its initial state, or zeros."""
        return "initial"

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """Called once no more is asked, before the process ends: end what has to be ended well. By default nothing."""

    def run(self, case: Case, weights: Weights, inputs: Inputs) -> Outputs:
        """The framework's answer to a case.

        A stream is fed block by block, with the state carried on and the remaining lengths. If the case has calls, the
        same prepared model is called with one group of rows after the other.

        Raises:
            UnsupportedOption: `capabilities` or `prepare` refuses the case.
        """
        reason = self.capabilities.refusal(case)
        if reason is not None:
            raise UnsupportedOption(f"{self.name} {reason}")
        model = self.prepare(case, weights)
        if case.has_loss:
            return model(inputs)
        if case.blocks is not None:
            return _stream(model, case, inputs)
        return model(inputs) if case.calls is None else _in_turn(model, case, inputs)


def _stream(model: Model, case: Case, inputs: Inputs) -> Outputs:
    parts: list[Outputs] = []
    h, c = inputs.h0, inputs.c0
    for steps in case.block_steps:
        parts.append(model(replace(inputs.block(steps), h0=h, c0=c)))
        h, c = parts[-1]["h_n"], parts[-1]["c_n"]
    whole = dict(parts[-1])
    per_step = ["y"]
    if case.head is not None and case.head.after == "every_step":
        per_step += [name for name in ("logits", "probabilities") if name in whole]
    whole |= {name: np.concatenate([part[name] for part in parts]) for name in per_step}
    return whole


def _in_turn(model: Model, case: Case, inputs: Inputs) -> Outputs:
    """Calls with case.calls rows each. Rows are the second-to-last axis of every tensor except lengths."""
    assert case.calls is not None
    parts: list[Outputs] = []
    start = 0
    for count in case.calls:
        rows = slice(start, start + count)
        arrays = {name: getattr(inputs, name) for name in ("x", "mask", "h0", "c0")}
        taken: dict[str, Any] = {n: None if a is None else a[:, rows] for n, a in arrays.items()}
        lengths = None if inputs.lengths is None else inputs.lengths[rows]
        # Joined only at the end: an answer that a later call overwrites is a wrong answer.
        parts.append(model(replace(inputs, lengths=lengths, **taken)))
        start += count
    return {name: np.concatenate([part[name] for part in parts], axis=-2) for name in parts[0]}


def zeros_if_absent(case: Case, inputs: Inputs) -> tuple[Array, Array]:
    """h0 (L*D, B, P) and c0 (L*D, B, H), with zeros for an absent one, for interfaces that need both."""
    rows, batch = case.layers * case.D, inputs.x.shape[1]
    h0 = inputs.h0 if inputs.h0 is not None else np.zeros((rows, batch, case.output_size), case.np_dtype)
    c0 = inputs.c0 if inputs.c0 is not None else np.zeros((rows, batch, case.H), case.np_dtype)
    return h0, c0
