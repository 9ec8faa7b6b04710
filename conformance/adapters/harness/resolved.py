"""The case as a harness gets it: every key is there, everything derived is worked out.

It follows from the keys of a case, so that a new option reaches the harnesses without another line.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from conformance.case.fields import Fields
from conformance.case.model import Case
from conformance.case.options import Frozen

_OF_THE_SUITE = frozenset(
    {
        *("description", "source", "origin", "tolerance", "on_demand", "remade", "exempt"),
        *("seed", "torch_seed", "weights", "x", "poison", "padding", "targets", "dy", "dh_n", "dc_n"),
    }
)
"""Where the numbers of a case come from, how they are judged and kept: nothing of this is an implementation's."""


class Onnx(Frozen):
    """The graph of a model: names, in order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


_DERIVED: dict[str, Any] = {
    "P": (int, Field(description="the size of h: H without a projection")),
    "projection": (bool, Field(description="whether there is a projection")),
    "padding": (float | None, Field(description="what x holds at a step left out, if lengths come from upstream")),
    "h0": (bool, Field(description="whether an initial h is given; in a stream, by the first call")),
    "c0": (bool, Field(description="whether an initial c is given; in a stream, by the first call")),
    "outputs": (
        dict[str, tuple[int, ...]],
        Field(description="the tensors that are judged, with the shapes that the whole case gives them"),
    ),
    "onnx": (Onnx | None, Field(description="the model's graph, if the weights are one; else null")),
}
_OPTIONS: dict[str, Any] = {
    name: (field.annotation, Field(description=field.description))
    for name, field in Fields.model_fields.items()
    if name not in _OF_THE_SUITE and name not in _DERIVED
}

ResolvedCase = create_model("ResolvedCase", __base__=Frozen, __module__=__name__, **_OPTIONS, **_DERIVED)
ResolvedCase.__doc__ = "One LSTM computation; every key is there, null where the case has no such option."


def resolved(case: Case, onnx: Onnx | None = None) -> dict[str, Any]:
    """The JSON of a case for a harness."""
    told: dict[str, Any] = case.model_dump(mode="json", include=set(_OPTIONS))
    activations = [case.activations_of(direction).model_dump(mode="json") for direction in range(case.D)]
    return told | {
        "activations": activations,
        "P": case.output_size,
        "projection": case.P is not None,
        "padding": case.padding if case.lengths_via == "upstream" else None,
        "h0": case.h0 is not None,
        "c0": case.c0 is not None,
        "outputs": {name: list(shape) for name, shape in case.outputs.items()},
        "onnx": None if onnx is None else onnx.model_dump(mode="json"),
    }
