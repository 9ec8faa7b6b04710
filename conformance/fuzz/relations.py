"""What has to be the same, or to follow, whatever the right answer is: each makes further cases of a case.

They need no golden value, so they hold for sizes that nobody can prove, and they share nothing with the reference. An
answer that breaks one is only suspected: the exact judgement decides which of the cases is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs

Variant = tuple[Case, Arrays]
Made = tuple[list[Variant], Callable[[Outputs, Sequence[Outputs]], list[tuple[Array, Array]]]]
"""The further cases, and what of the answers to the case and to them has to be equal, in pairs."""
Relation = Callable[[Case, Arrays, np.random.Generator], Made | None]
RELATIONS: dict[str, Relation] = {}
_FINITE_STATES = ("h_n", "c_n")


def _relation(function: Relation) -> Relation:
    RELATIONS[function.__name__.strip("_").replace("_", "-")] = function
    return function


@dataclass(frozen=True)
class Broken:
    """A relation that does not hold. apart: in multiples of what is allowed."""

    relation: str
    apart: float


def worst(pairs: Sequence[tuple[Array, Array]], precision: str) -> float:
    """How far pairs of answers are apart, in multiples of what two right ones may be, at most."""
    most = 0.0
    for one, other in pairs:
        a, b = one.astype(np.float64), other.astype(np.float64)
        both = np.isfinite(a) & np.isfinite(b)
        if np.any(np.isnan(a) != np.isnan(b)):
            return np.inf
        size = np.max(np.abs(a[both]), initial=0.0)
        allowed = 2.0 * NOISE_ALLOWED[precision] * UNIT_ROUNDOFF[precision] * size
        apart = np.max(np.abs(a[both] - b[both]), initial=0.0)
        most = max(most, float(apart / allowed) if allowed else float(apart > 0) * np.inf)
    return most


def _plain(case: Case) -> bool:
    """Whether rows are independent of each other, and no number is NaN or infinite."""
    return not case.has_loss and case.poison is None and bool(np.isfinite(case.padding))


def _rows(case: Case, arrays: Arrays, chosen: Sequence[int]) -> Variant:
    """Some rows of a case, in this order."""
    inputs = arrays.inputs
    axes = {"x": 1, "h0": 1, "c0": 1, "mask": 1, "lengths": 0}
    taken: dict[str, Any] = {n: None if (a := getattr(inputs, n)) is None else np.take(a, chosen, axis=axis)
             for n, axis in axes.items()}  # fmt: skip
    update: dict[str, Any] = {"B": len(chosen), "calls": None}
    for name in ("lengths", "skip"):
        if (given := getattr(case, name)) is not None:
            update[name] = tuple(given[row] for row in chosen)
    return case.model_copy(update=update), Arrays(arrays.weights, replace(inputs, **taken))


def _same(case: Case, answers: Mapping[str, Array], others: Mapping[str, Array]) -> list[tuple[Array, Array]]:
    return [(answers[name], others[name]) for name in case.outputs]


@_relation
def rows_permuted(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """Rows in another order give the same rows in that order."""
    if case.B < 2 or not _plain(case):
        return None
    order = np.roll(np.arange(case.B), 1).tolist()
    return [_rows(case, arrays, order)], lambda own, others: [
        (own[name][..., order, :], others[0][name]) for name in case.outputs
    ]


@_relation
def a_row_alone(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """A row by itself gives what it gives among others."""
    if case.B < 2 or not _plain(case):
        return None
    row = int(generator.integers(case.B))
    return [_rows(case, arrays, [row])], lambda own, others: [
        (own[name][..., [row], :], others[0][name]) for name in case.outputs
    ]


@_relation
def cut_into_blocks(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """A sequence in two calls, the second with the states of the first, gives what it gives in one."""
    if case.T < 2 or case.direction != "forward" or case.blocks or case.skip or case.calls or not _plain(case):
        return None
    cut = int(generator.integers(1, case.T))
    lengths = case.lengths or (case.T,)
    if min(lengths) <= cut:  # what a row of length 0 leaves in the second block is a matter of contracts
        return None
    variant = case.model_copy(update={"blocks": (cut, case.T - cut)})
    return [(variant, arrays)], lambda own, others: _same(case, own, others[0])


@_relation
def both_reversed(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """A reverse scan of a reversed sequence is a forward scan."""
    if case.direction == "bidirectional" or case.layers > 1 or case.blocks or case.masked or not _plain(case):
        return None
    if case.head is not None:
        return None
    variant = case.model_copy(update={"direction": "forward" if case.direction == "reverse" else "reverse"})
    turned = replace(arrays.inputs, x=np.ascontiguousarray(arrays.inputs.x[::-1]))
    return [(variant, Arrays(arrays.weights, turned))], lambda own, others: [
        (own["y"][::-1], others[0]["y"]),
        *((own[name], others[0][name]) for name in _FINITE_STATES),
    ]


@_relation
def units_permuted(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """Units in another order, with their weights and states, give the same in that order."""
    if case.H < 2 or case.layers > 1 or case.direction == "bidirectional" or case.P or not _plain(case):
        return None
    if case.head is not None:
        return None
    order = generator.permutation(case.H)
    row = arrays.weights.rows[0].mapped(lambda a: a[order] if a.ndim == 1 else a[:, order])
    row = replace(row, R=np.ascontiguousarray(row.R[:, :, order]))
    states: dict[str, Any] = {
        name: None if (a := getattr(arrays.inputs, name)) is None else a[..., order] for name in ("h0", "c0")
    }
    variant = Arrays(replace(arrays.weights, rows=(row,)), replace(arrays.inputs, **states))
    return [(case, variant)], lambda own, others: [(own[name][..., order], others[0][name]) for name in case.outputs]


@_relation
def a_unit_of_zeros_added(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """A unit that nothing reads, with weights of 0, changes no other."""
    if case.layers > 1 or case.direction == "bidirectional" or case.P or case.layer_norm or not _plain(case):
        return None
    if case.head is not None:
        return None

    def wider(array: Array, axis: int) -> Array:
        widths = [(0, int(n == axis % array.ndim)) for n in range(array.ndim)]
        return np.pad(array, widths)

    row: LayerWeights = arrays.weights.rows[0].mapped(lambda a: wider(a, 1 if a.ndim > 1 else 0))
    row = replace(row, R=wider(row.R, 2))
    states: dict[str, Any] = {
        name: None if (a := getattr(arrays.inputs, name)) is None else wider(a, -1) for name in ("h0", "c0")
    }
    variant = Arrays(replace(arrays.weights, rows=(row,)), replace(arrays.inputs, **states))
    return [(case.model_copy(update={"H": case.H + 1}), variant)], lambda own, others: [
        (own[name], others[0][name][..., : case.H]) for name in case.outputs
    ]


@_relation
def scaled_by_two(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """x half as large and W twice as large give the same products, bit by bit, where nothing is subnormal."""
    if not _plain(case) or case.lengths_via == "upstream":
        return None
    x, W = arrays.inputs.x, arrays.weights.rows[0].W
    small = np.abs(x[x != 0]).astype(np.float64)
    if np.min(small, initial=1.0) < 1e-3 or np.max(np.abs(W.astype(np.float64)), initial=0.0) > 1e3:
        return None
    half, two = x.dtype.type(0.5), W.dtype.type(2.0)
    rows = tuple(replace(w, W=w.W * two) if n < case.D else w for n, w in enumerate(arrays.weights.rows))
    variant = Arrays(replace(arrays.weights, rows=rows), replace(arrays.inputs, x=x * half))
    return [(case, variant)], lambda own, others: _same(case, own, others[0])


@_relation
def gradient_against_difference(case: Case, arrays: Arrays, generator: np.random.Generator) -> Made | None:
    """The gradient along a direction is the difference of the loss along it; to a few digits, in float64 alone."""
    if case.gradients != "whole" or case.cross_entropy or case.dtype != "float64" or case.blocks:
        return None
    names = [f"weights.{name}" for name in case.weight_shapes] + [
        f"inputs.{name}" for name in case.input_shapes if name in ("h0", "c0")
    ]
    flat = arrays.flat
    moves = {name: generator.uniform(-1.0, 1.0, flat[name].shape) for name in names}
    step = 1e-5

    def moved(sign: float) -> Variant:
        return case, Arrays.from_tensors(flat | {name: flat[name] + sign * step * moves[name] for name in names})

    def loss(answers: Outputs) -> float:
        ends = {"y": arrays.inputs.dy, "h_n": arrays.inputs.dh_n, "c_n": arrays.inputs.dc_n}
        return float(sum(np.sum(answers[name] * end) for name, end in ends.items() if end is not None))

    def compared(own: Outputs, others: Sequence[Outputs]) -> list[tuple[Array, Array]]:
        slope = (loss(others[0]) - loss(others[1])) / (2 * step)
        terms = [own[f"d_{name.partition('.')[2]}"] * move for name, move in moves.items()]
        along, size = float(sum(map(np.sum, terms))), float(sum(np.sum(np.abs(term)) for term in terms))
        # A difference is good to about the square of its step, and says nothing beside a kink.
        near = abs(slope - along) <= 1e-3 * max(size, abs(slope))
        return [(np.array([along]), np.array([along if near else slope]))]

    return [moved(1.0), moved(-1.0)], compared
