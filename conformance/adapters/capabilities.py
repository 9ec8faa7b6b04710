"""What a framework's own interface accepts, as data, and the one function that holds a case against it.

A capability repeats the framework's API or documentation. It is never narrowed because an answer is wrong:
a wrong answer is a known deviation (deviations/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from conformance.case.model import Case
from conformance.case.options import Activation

Parameters = tuple[float | None, float | None]
ActivationSet = Mapping[str, frozenset[Parameters] | None]
"""Activation name -> the (alpha, beta) pairs accepted, or None when any parameters are."""


def exactly(*activations: Activation) -> ActivationSet:
    """The set of just these activations with just these parameters."""
    found: dict[str, set[Parameters]] = {}
    for activation in activations:
        found.setdefault(activation.name, set()).add((activation.alpha, activation.beta))
    return {name: frozenset(parameters) for name, parameters in found.items()}


def any_of(*names: str) -> ActivationSet:
    """The set of these activations with any parameters."""
    return dict.fromkeys(names)


SIGMOID = exactly(Activation(name="sigmoid"))
TANH = exactly(Activation(name="tanh"))


@dataclass(frozen=True)
class ActivationSupport:
    """Which activations each of the three positions accepts.

    `hidden_is_cell`: one argument sets both G and Hh. `per_direction`: each direction has its own list.
    `defaults`: whose default alpha and beta it promises where they are left out (conformance.case.options.DEFAULTS).
    """

    gate: ActivationSet = field(default_factory=lambda: SIGMOID)
    cell: ActivationSet = field(default_factory=lambda: TANH)
    hidden: ActivationSet = field(default_factory=lambda: TANH)
    hidden_is_cell: bool = False
    per_direction: bool = False
    defaults: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capabilities:
    """What the interface accepts.

    dtypes: formats it computes in. directions: directions it has. max_layers, max_steps: None for any number.
    lengths: `each` row its own, one `common` to the batch, or `none`; min_length: the shortest it accepts.
    lengths_via: the documented ways of handing lengths over, beside the adapter's own choice (Case.lengths_via).
    holes: whether a mask may leave out steps in the middle of a row.
    forget_bias: whether a forget bias can be given at run time. blocks: whether a state can be carried on.
    head: whether the framework has a dense layer to put behind the LSTM.
    batch_major: whether the interface can be asked for the batch-major layout.
    peephole, cell_clip, projection, projection_bias, projection_clip: whether it has the option.
    gate_clip: the readings of a gate clip that its documentation or its makers state.
    coupling, layer_norm: the kinds it has.
    softmax, cross_entropy: whether the framework has them, to put behind the dense layer.
    gradients: `whole`; `truncated`, where the state carried from block to block can be cut off from its past.
    """

    dtypes: frozenset[str] = frozenset({"float32"})
    directions: frozenset[str] = frozenset({"forward"})
    max_layers: int | None = None
    max_steps: int | None = None
    lengths: Literal["each", "common", "none"] = "none"
    min_length: int = 1
    lengths_via: frozenset[str] = frozenset()
    holes: bool = False
    activations: ActivationSupport = field(default_factory=ActivationSupport)
    forget_bias: bool = False
    blocks: bool = True
    head: bool = True
    batch_major: bool = False
    peephole: bool = False
    gate_clip: frozenset[str] = frozenset()
    cell_clip: bool = False
    projection: bool = False
    projection_bias: bool = False
    projection_clip: bool = False
    coupling: frozenset[str] = frozenset()
    layer_norm: frozenset[str] = frozenset()
    softmax: bool = False
    cross_entropy: bool = False
    gradients: frozenset[str] = frozenset()

    def to_json(self) -> str:
        """The capabilities for another process."""
        return _in_json().dump_json(self, warnings="error").decode()

    @classmethod
    def from_json(cls, text: str) -> Capabilities:
        """The inverse of `to_json`."""
        return _in_json().validate_json(text)

    def refusal(self, case: Case) -> str | None:
        """Why a case cannot be put to the interface at all; None when it can."""
        if case.dtype not in self.dtypes:
            return f"computes in {_words(self.dtypes)}, not in {case.dtype}"
        if case.direction not in self.directions:
            return f"runs {_words(self.directions)}, not {case.direction}"
        if self.max_layers is not None and case.layers > self.max_layers:
            return f"has at most {self.max_layers} layer(s)"
        longest = max(case.blocks) if case.blocks else case.T
        if self.max_steps is not None and longest > self.max_steps:
            return f"makes at most {self.max_steps} step(s) a call"
        if case.blocks is not None and not self.blocks:
            return "cannot carry a state from call to call"
        if case.forget_bias and not self.forget_bias:
            return "has no forget bias at run time"
        if case.head is not None and not self.head:
            return "has no dense layer"
        if case.layout == "batch_major" and not self.batch_major:
            return "has no batch-major layout"
        return self._option_refusal(case) or self._lengths_refusal(case) or self._activations_refusal(case)

    def _option_refusal(self, case: Case) -> str | None:
        if case.head is not None and case.head.softmax and not self.softmax:
            return "has no softmax"
        if case.cross_entropy and not self.cross_entropy:
            return "has no cross-entropy"
        for option, words in _SWITCHES.items():
            if getattr(case, option) not in (None, False) and not getattr(self, _FIELDS.get(option, option)):
                return f"has no {words}"
        reading = case.gate_clip.reading if case.gate_clip else None
        kinds = (
            ("gate_clip", reading),
            ("coupling", case.coupling),
            ("layer_norm", case.layer_norm),
            ("gradients", case.gradients),
        )
        for option, kind in kinds:
            has: frozenset[str] = getattr(self, option)
            if kind is not None and kind not in has:
                return f"has no {option} {kind}" + (f"; it has {_words(has)}" if has else "")
        return None

    def _lengths_refusal(self, case: Case) -> str | None:
        if case.skip is not None and not self.holes:
            return "takes no mask with holes"
        if case.lengths_via is not None and case.lengths_via not in self.lengths_via:
            return f"does not take lengths by way of {case.lengths_via}"
        if case.lengths is None:
            return None
        if self.lengths == "none":
            return "takes no lengths"
        if self.lengths == "common" and len(set(case.lengths)) > 1:
            return "takes one length for the whole batch, not one a row"
        if min(case.lengths, default=self.min_length) < self.min_length:
            return f"takes lengths of {self.min_length} or more"
        if any(min(lengths, default=self.min_length) < self.min_length for lengths in case.block_lengths):
            return f"takes lengths of {self.min_length} or more; a row that ends early leaves fewer to a later block"
        return None

    def _activations_refusal(self, case: Case) -> str | None:
        support = self.activations
        if len(set(case.activations)) > 1 and not support.per_direction:
            return "has one set of activations for all directions"
        for chosen in case.activations:
            for position in ("gate", "cell", "hidden"):
                activation: Activation = getattr(chosen, position)
                accepted: ActivationSet = getattr(support, position)
                parameters = accepted.get(activation.name, frozenset())
                if parameters is not None and (activation.alpha, activation.beta) not in parameters:
                    return f"does not take {activation} as its {position} activation"
                if activation.defaults is not None and activation.defaults not in support.defaults:
                    return f"does not promise {activation.defaults}'s default parameters"
            if support.hidden_is_cell and chosen.cell != chosen.hidden:
                return "has one activation for both the cell candidate and the output"
        return None


@cache
def _in_json() -> TypeAdapter[Capabilities]:
    return TypeAdapter(Capabilities)


_SWITCHES = {
    "peephole": "peepholes",
    "cell_clip": "clip of the cell state",
    "P": "projection",
    "projection_bias": "projection bias",
    "projection_clip": "clip of the projection",
}
_FIELDS = {"P": "projection"}
"""The capability's name where it is not the case's."""


def _words(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))
