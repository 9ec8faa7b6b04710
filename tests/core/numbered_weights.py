"""Shared by the tests of layouts: weights in which every number says what it is, and every layout there is."""

from dataclasses import replace
from typing import Any

import numpy as np

from conformance.adapters import layouts
from conformance.adapters.layouts import Layout
from conformance.adapters.litert_model import LITERT
from conformance.case.tensors import LayerWeights

SEPARATE = Layout("figo", {"{gate}_w": ("W",), "{gate}_r": ("R",), "{gate}_b": ("b",)}, separate=True)
SEPARATE_FOLDED = Layout(
    "gifo", {"{gate}_m": ("W", "b_w"), "{gate}_r": ("R",), "b_{gate}": ("b_r",)}, folded=True, separate=True
)
SEPARATE_COLUMNS = Layout("ogfi", {"{gate}": ("R", "b", "W")}, transposed=True, separate=True)
LAYOUTS = {name: layout for name, layout in vars(layouts).items() if isinstance(layout, Layout)}
LAYOUTS |= {"LITERT": LITERT, "SEPARATE": SEPARATE, "SEPARATE_COLUMNS": SEPARATE_COLUMNS}
LAYOUTS |= {"SEPARATE_FOLDED": SEPARATE_FOLDED}

i, f, g, o = 1000, 2000, 3000, 4000
GATES = np.array([i, f, g, o])


def weights(I: int = 3, H: int = 2, dtype: Any = np.float32) -> LayerWeights:
    """Every number says what it is: gate (thousands), tensor W 100, R 200, b_w 300, b_r 400, then row and column."""
    rows, columns = 10 * np.arange(H)[:, None], np.arange(max(I, H))
    gates = GATES[:, None, None]
    matrix = gates + rows + columns
    b_w, b_r = GATES[:, None] + 300 + rows[:, 0], GATES[:, None] + 400 + rows[:, 0]
    return LayerWeights(*(a.astype(dtype) for a in (matrix[:, :, :I] + 100, matrix[:, :, :H] + 200, b_w, b_r)))


def same(a: LayerWeights, b: LayerWeights) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in LayerWeights.__dataclass_fields__]
    return all(x is y is None or (x.dtype == y.dtype and np.array_equal(x, y)) for x, y in pairs)


def has_two_biases(layout: Layout) -> bool:
    return any("b_w" in parts for parts in layout.tensors.values())


def with_options(P: int = 5, H: int = 2, dtype: Any = np.float32) -> LayerWeights:
    """The same with more: a peephole says its gate (thousands) and unit (tens), a projection 500, row and column."""
    peephole = (np.array([i, f, o])[:, None] + 600 + 10 * np.arange(H)).astype(dtype)
    projection = (500 + 10 * np.arange(P)[:, None] + np.arange(H)).astype(dtype)
    R = weights(H=max(P, H), dtype=dtype).R[:, :H, :P]
    return replace(weights(H=H, dtype=dtype), R=R, peephole=peephole, projection=projection)


def fits(layout: Layout, original: LayerWeights) -> LayerWeights:
    """The weights less what a layout has no place for."""
    peephole = original.peephole if layout.peephole else None
    projection = original.projection if layout.projection else None
    R = original.R if layout.projection else original.R[..., : original.W.shape[1]]
    return replace(original, R=R, peephole=peephole, projection=projection)
