"""Defines a check: two questions to an adapter, and how their answers must relate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from conformance.adapters.capabilities import ActivationSet, Capabilities
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays
from conformance.golden.inputs import make_arrays

Fields = dict[str, Any]
Edit = Callable[[dict[str, Array]], None]
"""Changes the flat tensors (`weights.W.0`, `inputs.x`) of a case in place."""
View = Callable[[Mapping[str, Array]], dict[str, Array]]
"""Selects the part of an answer that is compared."""

BIDIRECTIONAL: Fields = {"direction": "bidirectional"}

_SIZES: Fields = {"id": "smoke/case", "seed": 7, "T": 5, "B": 3, "I": 4, "H": 6}


@dataclass(frozen=True)
class Question:
    """A case, its numbers, and the part of the answer that is compared.

    edit: a change to the case's numbers. view: None for all of the answer. fresh: asked even if the answer is already
    known.
    """

    fields: Fields
    edit: Edit | None = None
    view: View | None = None
    fresh: bool = False

    @cached_property
    def case(self) -> Case:
        """The case, which is not part of any suite."""
        return Case.model_validate(self.fields)

    @cached_property
    def arrays(self) -> Arrays:
        """The numbers, from the same seed for every question."""
        made = make_arrays(self.case)
        if self.edit is None:
            return made
        tensors = {name: array.copy() for name, array in made.flat.items()}
        self.edit(tensors)
        return Arrays.from_tensors(tensors)

    def seen(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """The part of the answer that is compared."""
        return dict(outputs) if self.view is None else self.view(outputs)


@dataclass(frozen=True)
class Check:
    """`one` and `other` must be answered alike (`same`) or not (`differ`), or `one` with digits of its own format.

    id: `group/what`, for the command line. about: what is tried, as a noun. remedy: what to do, in a sentence.
    mistakes: those in the catalogue with the same effect; if a known deviation names one, the failure is known.
    names: the outputs that are compared; () for all that both have in the same shape. blame: the meaning of an
    unexpected answer, if that is not "changes nothing" or "changes something".
    parts: where a check is of several options at once, the same of each alone, made only if it fails.
    """

    id: str
    about: str
    expect: Literal["differ", "same", "digits"]
    one: Question
    other: Question | None = None
    remedy: str = ""
    mistakes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    blame: str = ""
    parts: tuple[Check, ...] = ()

    def put_by(self, capabilities: Capabilities) -> bool:
        """Whether the interface accepts both questions."""
        asked = (question for question in (self.one, self.other) if question is not None)
        return all(capabilities.refusal(question.case) is None for question in asked)


def added(tensor: str, at: Any = ..., value: float = 1.0) -> Edit:
    """Adds a number to a tensor, or to a part of it."""

    def edit(tensors: dict[str, Array]) -> None:
        tensors[tensor][at] += tensors[tensor].dtype.type(value)

    return edit


def of_rows(rows: slice) -> View:
    """Some rows of the batch, which are the second-to-last axis of every tensor."""
    return lambda outputs: {name: array[..., rows, :] for name, array in outputs.items()}


def of_steps(steps: slice) -> View:
    """Some steps of y, perhaps in another order, and the states as they are."""
    return lambda outputs: {name: array[steps] if name == "y" else array for name, array in outputs.items()}


def x_of(other: Question) -> Edit:
    """Replaces x by that of another question, so that its padding is not what makes the answers differ."""

    def edit(tensors: dict[str, Array]) -> None:
        tensors["inputs.x"] = other.arrays.flat["inputs.x"].copy()

    return edit


def plain(capabilities: Capabilities) -> dict[str, Any]:
    """The fields of the plainest case that an interface accepts, from which all checks start."""
    fields = dict(_SIZES)
    order = ("float32", "float64", "float16", "bfloat16")
    fields["dtype"] = next(dtype for dtype in order if dtype in capabilities.dtypes)
    fields["direction"] = next(d for d in ("forward", "reverse", "bidirectional") if d in capabilities.directions)
    if capabilities.max_steps is not None:
        fields["T"] = min(capabilities.max_steps, 5)
    support = capabilities.activations
    usual = {"gate": "sigmoid", "cell": "tanh", "hidden": "tanh"}
    chosen = {position: _usual(getattr(support, position), name) for position, name in usual.items()}
    if support.hidden_is_cell:
        chosen["hidden"] = chosen["cell"]
    if any(activation != Activation.model_validate(usual[p]) for p, activation in chosen.items()):
        fields["activations"] = {position: a.model_dump(exclude_none=True) for position, a in chosen.items()}
    return fields


_PARAMETERS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "hard_sigmoid": ({"alpha": 0.25, "beta": 0.5}, {"alpha": 0.125, "beta": 0.375}),
    "affine": ({"alpha": 0.5, "beta": 0.25}, {"alpha": 0.75, "beta": -0.25}),
    "leaky_relu": ({"alpha": 0.25}, {"alpha": 0.5}),
    "thresholded_relu": ({"alpha": 0.125}, {"alpha": 0.5}),
    "scaled_tanh": ({"alpha": 1.5, "beta": 0.5}, {"alpha": 0.75, "beta": 1.25}),
    "elu": ({"alpha": 0.5}, {"alpha": 1.5}),
}
"""Values for alpha and beta, and other values: exact in every dtype, and different from all defaults."""


def parameters(accepted: ActivationSet, name: str) -> list[Activation]:
    """The accepted activations of a name: those listed, or one if any parameters are accepted."""
    listed = accepted[name]
    if listed is None:
        return [Activation.model_validate({"name": name} | _PARAMETERS.get(name, ({}, {}))[0])]
    pairs = sorted(listed, key=repr)
    return [Activation.model_validate({"name": name, "alpha": alpha, "beta": beta}) for alpha, beta in pairs]


def variations(accepted: ActivationSet, activation: Activation) -> Iterator[tuple[str, Activation]]:
    """The same with each parameter changed separately or, if only some are accepted, with others of these."""
    name = activation.name
    if accepted[name] is None:
        given, other = _PARAMETERS.get(name, ({}, {}))
        for parameter in given:
            yield parameter, Activation.model_validate({"name": name} | given | {parameter: other[parameter]})
    elif others := [each for each in parameters(accepted, name) if each != activation]:
        yield "parameters", others[0]


def _usual(accepted: ActivationSet, name: str) -> Activation:
    return parameters(accepted, name if name in accepted else next(iter(sorted(accepted))))[0]


def distance(
    one: Mapping[str, Array], other: Mapping[str, Array], names: tuple[str, ...], least: float
) -> dict[str, float]:
    """The difference of two answers for each tensor, in units of the tensor's largest number or of `least`."""
    shared = names or tuple(n for n in one if n in other and one[n].shape == other[n].shape)
    assert shared, "two answers with nothing in common to compare"
    found = {}
    for name in shared:
        a, b = one[name].astype(np.float64), other[name].astype(np.float64)
        scale = max(np.max(np.abs(a), initial=least), np.max(np.abs(b), initial=least))
        found[name] = float(np.max(np.abs(a - b), initial=0.0) / scale) if scale else 0.0
    return found
