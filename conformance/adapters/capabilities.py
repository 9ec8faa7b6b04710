"""What a framework's own interface accepts, as data, and the one function that checks a case against it.

A capability repeats the framework's API or documentation. It is never narrowed because an answer is wrong: a wrong
answer is a known deviation (deviations/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from conformance.case.model import Case
from conformance.case.option_table import Supported
from conformance.case.options import Activation

Parameters = tuple[float | None, float | None]
ActivationSet = Mapping[str, frozenset[Parameters] | None]
"""Activation name -> the accepted (alpha, beta) pairs, or None if any parameters are accepted."""


def exactly(*activations: Activation) -> ActivationSet:
    """The set of exactly these activations with exactly these parameters."""
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
    `defaults`: whose default alpha and beta it promises if they are left out (conformance.case.options.DEFAULTS).
    """

    gate: ActivationSet = field(default_factory=lambda: SIGMOID)
    cell: ActivationSet = field(default_factory=lambda: TANH)
    hidden: ActivationSet = field(default_factory=lambda: TANH)
    hidden_is_cell: bool = False
    per_direction: bool = False
    defaults: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capabilities(Supported):
    """What the interface accepts: the options of `Supported`, and the properties that every interface has in some form.

    dtypes: formats it computes in. directions: directions it has. max_layers, max_steps: None for any number. lengths:
    `each` row has its own, one is `common` to the batch, or `none`. min_length: the shortest it accepts.
    """

    dtypes: frozenset[str] = frozenset({"float32"})
    directions: frozenset[str] = frozenset({"forward"})
    max_layers: int | None = None
    max_steps: int | None = None
    lengths: Literal["each", "common", "none"] = "none"
    min_length: int = 1
    activations: ActivationSupport = field(default_factory=ActivationSupport)

    def to_json(self) -> str:
        """The capabilities in JSON, for another process."""
        return _in_json().dump_json(self, warnings="error").decode()

    @classmethod
    def from_json(cls, text: str) -> Capabilities:
        """The inverse of `to_json`."""
        return _in_json().validate_json(text)

    def refusal(self, case: Case) -> str | None:
        """Why the interface cannot take a case; None if it can."""
        if case.dtype not in self.dtypes:
            return f"computes in {_words(self.dtypes)}, not in {case.dtype}"
        if case.direction not in self.directions:
            return f"runs {_words(self.directions)}, not {case.direction}"
        if self.max_layers is not None and case.layers > self.max_layers:
            return f"has at most {self.max_layers} layer(s)"
        longest = max(case.blocks) if case.blocks else case.T
        if self.max_steps is not None and longest > self.max_steps:
            return f"takes at most {self.max_steps} step(s) per call"
        return self.lacking(case) or self._lengths_refusal(case) or self._activations_refusal(case)

    def _lengths_refusal(self, case: Case) -> str | None:
        if case.lengths is None:
            return None
        if self.lengths == "none":
            return "takes no lengths"
        if self.lengths == "common" and len(set(case.lengths)) > 1:
            return "takes one length for the whole batch, not one per row"
        if min(case.lengths, default=self.min_length) < self.min_length:
            return f"takes lengths of {self.min_length} or more"
        if any(min(lengths, default=self.min_length) < self.min_length for lengths in case.block_lengths):
            return f"takes lengths of {self.min_length} or more; a row that ends early has fewer left in a later block"
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


def _words(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))
