"""The weights of a layer of the user's, by the names that a layout has for them; every parameter has to be named."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from conformance.adapters.layouts import Layout
from conformance.api.layouts import names_of, of_biases, of_row, packed_row
from conformance.case.errors import ConformanceError, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights


def placed(
    layout: Layout, case: Case, weights: Weights, shapes: Mapping[str, tuple[int, ...]], name: str
) -> dict[str, Array]:
    """The array of each parameter of a layer.

    Args:
        layout: its names are those of the parameters.
        case, weights: of the case.
        shapes: the shape of each parameter of the layer, by name.
        name: of the layer, for messages.

    Raises:
        UnsupportedOption: the layer has no parameters for a further layer or direction of the case.
        ConformanceError: a name of the layout is not that of a parameter, a parameter is named by none, or a
            shape differs.
    """
    rows = range(case.layers * case.D)
    there = {name: None for row in rows for name in names_of(of_row(layout, case, row))}
    if unset := [tensor for tensor in shapes if tensor not in there]:
        first = next((tensor for tensor in there if tensor not in shapes), None)
        also = f"{name} has no parameter {first!r}, which the layout names, and n" if first is not None else "N"
        raise ConformanceError(
            f"{also}othing sets its parameter {unset[0]!r}; {name} has {_listed(shapes)}, the layout names "
            f"{_listed(there)}. {_NEXT}"
        )
    found: dict[str, Array] = {}
    for row, each in enumerate(weights.rows):
        tensors = packed_row(layout, case, row, each)
        if row and not set(tensors) & set(shapes):
            raise UnsupportedOption(f"{name} has no parameters for {case.layers} layer(s), {case.direction}")
        if missing := [tensor for tensor in tensors if tensor not in shapes]:
            raise ConformanceError(
                f"{name} has no parameter {missing[0]!r}, which the layout names; it has {_listed(shapes)}. {_NEXT}"
            )
        if not case.bias:  # zeros in the biases are the same
            own = of_row(layout, case, row)
            for tensor in of_biases(own) & set(shapes):
                tensors[tensor] = np.zeros(shapes[tensor], each.W.dtype)
        found |= tensors
    if unset := [tensor for tensor in shapes if tensor not in found]:
        raise ConformanceError(
            f"nothing sets the parameter {unset[0]!r} of {name}; the layout names {_listed(found)}. {_NEXT}"
        )
    for tensor, array in found.items():
        if array.shape != shapes[tensor]:
            fits = array.shape == shapes[tensor][::-1]
            turned = f"; with transposed={not layout.transposed} in the layout it fits" if fits else ""
            raise ConformanceError(
                f"{name}: {tensor} has shape {shapes[tensor]}, the layout makes {array.shape} of I={case.I}, "
                f"H={case.H}{turned}"
            )
    return found


_NEXT = (
    'Say how it has its weights: layout=conformance.Layout("ifgo", {"NAME": ("W",), ...}) with the names of its '
    "parameters, or load=FUNCTION(module, weights)"
)


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
