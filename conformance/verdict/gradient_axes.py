"""Where gradients are wrong although everything before them is right: tensors, layers, gates, units, columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from conformance.case.model import Case
from conformance.case.tensor_table import INPUTS, LAYER_WEIGHTS
from conformance.case.tensors import Array
from conformance.case.where import Where
from conformance.verdict.pattern import along, axis

_LETTERS = {"ifgo": "gate", "H": "unit", "T": "step", "B": "row"}


def in_gradients(case: Case, wrong: Mapping[str, Array]) -> Where | None:
    """Where gradients are wrong; None if none is.

    The backward pass goes from the top layer down, so the wrong gradients of the highest layer that has one come first;
    those of x and of the initial states count only if no weight's is wrong.

    Args:
        case: the case.
        wrong: for each gradient, (its shape) bool.
    """
    names = [name for name, where in wrong.items() if where.any()]
    of_layers: dict[int, list[str]] = {}
    for name in names:
        kind, _, row = name.removeprefix("d_").partition(".")
        if kind in LAYER_WEIGHTS:
            of_layers.setdefault(int(row) // case.D, []).append(name)
    if not names:
        return None
    first = of_layers[max(of_layers)] if of_layers else names
    axes = axis("layer", np.arange(case.layers) == max(of_layers)) if of_layers else {}
    if of_layers and case.D == 2:
        directions = {int(name.partition(".")[2]) % 2 for name in first}
        axes |= axis("direction", np.array([d in directions for d in range(2)]))
    for noun in ("gate", "unit", "row", "step"):
        found = [where for name in first if (where := _at(name, noun, wrong[name])) is not None]
        if found and len({len(each) for each in found}) == 1:
            axes |= axis(noun, np.any(np.array(found), axis=0))
    for kind, noun in (("d_W", "column of W"), ("d_R", "column of R")):
        columns = [along(wrong[name], 2) for name in first if name.partition(".")[0] == kind]
        if columns:
            axes |= axis(noun, np.any(np.array(columns), axis=0))
    return Where("gradients", tuple(first), axes)


def _at(name: str, noun: str, wrong: Array) -> Array | None:
    """Whether anything is wrong at each index of an axis of a gradient; None if it has no such axis."""
    kind = name.removeprefix("d_").partition(".")[0]
    table = LAYER_WEIGHTS | INPUTS
    letters: Sequence[str] = table[kind].axes.split() if kind in table else ()
    places = [n for n, letter in enumerate(letters) if _LETTERS.get(letter) == noun]
    if not places:
        return None
    return along(wrong, places[0])
