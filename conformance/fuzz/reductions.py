"""A smaller case made from a case: fewer layers, directions, steps, rows, inputs, units, options; simpler numbers.

Every reduction is a cut of what is there, so the numbers that remain are those that were wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensor_table import HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS
from conformance.case.tensors import Array, Arrays, Inputs

Small = tuple[Case, Arrays]

PLAIN: dict[str, Mapping[str, Any]] = {
    "activations": {"activations": (Activations(),)},
    "head": {"head": None, "targets": None},
    "gradients": {"gradients": None},
    "bias": {"bias": False},
    "forget_bias": {"forget_bias": 0.0},
    "gate_clip": {"gate_clip": None},
    "cell_clip": {"cell_clip": None},
    "projection_clip": {"projection_clip": None},
    "projection_bias": {"projection_bias": False},
    "coupling": {"coupling": None},
    "layer_norm": {"layer_norm": None},
    "peephole": {"peephole": False, "output_peephole": "new-cell"},
    "lengths": {"lengths": None, "lengths_via": None},
    "lengths_via": {"lengths_via": None},
    "skip": {"skip": None, "lengths_via": None},
    "blocks": {"blocks": None},
    "calls": {"calls": None},
    "layout": {"layout": "time_major"},
    "dtype": {"dtype": "float32"},
    "padding": {"padding": 1e3},
    "h0": {"h0": None},
    "c0": {"c0": None},
    "dy": {"dy": None},
    "dh_n": {"dh_n": None},
    "dc_n": {"dc_n": None},
    "poison": {"poison": None},
}
"""What an option becomes when it is taken away: keys of the case. Tensors that it needed are taken away with it."""


def used(case: Case) -> list[str]:
    """The options that can be taken away from a case."""
    return [name for name, keys in PLAIN.items() if any(getattr(case, key) != value for key, value in keys.items())]


def without(small: Small, option: str) -> Small | None:
    """The case without an option; None if no case can be so."""
    case, arrays = small
    return fitted(case, arrays, PLAIN[option])


def fitted(case: Case, arrays: Arrays, keys: Mapping[str, Any]) -> Small | None:
    """The case with these keys, and those of its tensors that it still has, in its dtype; None if no case can be so."""
    changed = checked(case.model_copy(update=dict(keys)))
    if changed is None:
        return None
    flat = arrays.flat
    if changed.lengths is None:
        flat.pop("inputs.lengths", None)
    if changed.skip is None:
        flat.pop("inputs.mask", None)
    if changed.targets_shape is None:
        flat.pop("inputs.targets", None)
    real = {f"weights.{name}": shape for name, shape in changed.weight_shapes.items()}
    real |= {f"inputs.{name}": shape for name, shape in changed.input_shapes.items()}
    kept = {n: a for n, a in flat.items() if n in real or n in ("inputs.lengths", "inputs.mask", "inputs.targets")}
    if any(name not in kept or kept[name].shape != shape for name, shape in real.items()):
        return None
    kept = {n: a.astype(changed.np_dtype) if n in real else a for n, a in kept.items()}
    if not all(np.isfinite(kept[n].astype(np.float64)).all() or changed.poison or changed.masked for n in real):
        return None
    return changed, padded(changed, Arrays.from_tensors(kept))


def padded(case: Case, arrays: Arrays) -> Arrays:
    """With the case's padding at the steps that a row leaves out, where the case has any."""
    if not case.masked:
        return arrays
    mask = np.zeros((case.T, case.B), np.bool_)
    for row in range(case.B):
        mask[case.valid_steps(row), row] = True
    x = arrays.inputs.x.copy()
    x[~mask] = np.asarray(case.padding).astype(case.np_dtype)
    lengths = None if case.lengths is None else np.array(case.lengths, np.int64)
    return replace(arrays, inputs=replace(arrays.inputs, x=x, lengths=lengths, mask=mask if case.skip else None))


def checked(case: Case) -> Case | None:
    """The case, if its keys go together."""
    try:
        return Case.model_validate(case.model_dump())
    except ValidationError:
        return None


def _cut(arrays: Arrays, axes: Mapping[str, Callable[[str, Array], Array]]) -> Arrays:
    flat = arrays.flat
    return Arrays.from_tensors({n: axes[k](n, a) if (k := n.split(".")[1]) in axes else a for n, a in flat.items()})


def sized(small: Small, axis: str, size: int, first: int = 0) -> Small | None:
    """The case with a smaller T, B, I, H, P, O or number of layers (`L`), from an index on; None if none can be so."""
    case, arrays = small
    part = slice(first, first + size)
    named = {"T": "T", "B": "B", "I": "I", "H": "H", "P": "P", "O": "O"}
    if axis in named:
        cut = _cut(arrays, {name: _on_axis(case, axis, part) for name in (*LAYER_WEIGHTS, *HEAD_WEIGHTS, *INPUTS)})
        cut = Arrays(cut.weights, _marks(case, cut, axis, part))
        keys = _keys_of_size(case, axis, size, first)
        return None if keys is None else fitted(case, cut, keys)
    rows = slice(0, size * case.D)
    weights = replace(arrays.weights, rows=arrays.weights.rows[rows])
    inputs = arrays.inputs
    states: dict[str, Any] = {
        n: None if (a := getattr(inputs, n)) is None else a[rows] for n in ("h0", "c0", "dh_n", "dc_n")
    }
    return fitted(case, Arrays(weights, replace(inputs, **states)), {"layers": size})


def _of_rows(inputs: Inputs, rows: slice) -> dict[str, Any]:
    """The states of some layers and directions, and what comes in for them."""
    given = {name: getattr(inputs, name) for name in ("h0", "c0", "dh_n", "dc_n")}
    return {name: None if array is None else array[rows] for name, array in given.items()}


def _on_axis(case: Case, axis: str, part: slice) -> Callable[[str, Array], Array]:
    """Cuts a tensor, by its flat name, along every axis of this kind."""
    tables = LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS

    def cut(name: str, array: Array) -> Array:
        kind, _, row = name.partition(".")[2].partition(".")
        layer = int(row or 0) // case.D
        index: list[Any] = []
        for position, own in enumerate(tables[kind].axes.split()):
            if own == axis and not (own == "I" and layer > 0):
                index.append(part)
            elif axis in "HP" and _holds_h(case, own, axis, layer):
                width = case.output_size
                chosen = np.arange(width)[part]
                index.append(np.concatenate([chosen + n * width for n in range(array.shape[position] // width)]))
            else:
                index.append(slice(None))
        for position, chosen in enumerate(index):  # one by one: index arrays of several axes would be paired
            array = array[(slice(None),) * position + (chosen,)]
        return np.ascontiguousarray(array)

    return cut


def _holds_h(case: Case, own: str, axis: str, layer: int) -> bool:
    """Whether an axis is that of h, and h is what is cut."""
    is_h = own in ("P", "D*P") or (own == "I" and layer > 0)
    return is_h and (axis == "P" or case.P is None)


def _marks(case: Case, cut: Arrays, axis: str, part: slice) -> Any:
    """The inputs with lengths, mask and targets cut as well."""
    inputs = cut.inputs
    at = {"T": 0, "B": 1}.get(axis)
    if at is None:
        return inputs
    mask = None if inputs.mask is None else inputs.mask[(slice(None),) * at + (part,)]
    targets = inputs.targets
    if targets is not None:
        if targets.ndim == 1:
            targets = targets[part] if axis == "B" else targets
        else:
            targets = targets[(slice(None),) * at + (part,)]
    return replace(inputs, mask=mask, targets=targets)


def _keys_of_size(case: Case, axis: str, size: int, first: int) -> dict[str, Any] | None:
    """The keys that a cut of an axis changes."""
    keys: dict[str, Any] = {axis: size}
    if axis == "O":
        assert case.head is not None
        keys = {"head": case.head.model_copy(update={"O": size})}
    if axis == "B":
        for name in ("lengths", "skip"):
            if (given := getattr(case, name)) is not None:
                keys[name] = given[first : first + size]
        if case.calls is not None:
            keys["calls"] = _shortened(case.calls, size) if first == 0 else _shortened(case.calls[::-1], size)[::-1]
    if axis == "T":
        if case.lengths is not None:
            keys["lengths"] = tuple(min(max(length - first, 0), size) for length in case.lengths)
        if case.skip is not None:
            keys["skip"] = tuple(tuple(t - first for t in steps if first <= t < first + size) for steps in case.skip)
        if case.blocks is not None:
            keys["blocks"] = _shortened(case.blocks, size)
    if case.poison is not None and (poison := _moved(case, axis, size, first)) is not None:
        keys["poison"] = poison
    return keys


def _shortened(parts: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The first parts, of which the last is cut, that add up to a size."""
    found: list[int] = []
    for part in parts:
        if size > 0:
            found.append(min(part, size))
            size -= part
    return tuple(found)


def _moved(case: Case, axis: str, size: int, first: int) -> Any:
    """The poison, with its index counted from the first of what is left; unchanged if it is cut off."""
    assert case.poison is not None
    kind = case.poison.tensor.partition(".")[0]
    names = (LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS)[kind].axes.split()
    width = {"P": "H"} if case.P is None else {}
    at = [
        index - first if width.get(name, name) == axis else index
        for name, index in zip(names, case.poison.at, strict=True)
    ]
    return case.poison.model_copy(update={"at": tuple(at)}) if min(at) >= 0 else None


def one_direction(small: Small, direction: int) -> Small | None:
    """A bidirectional case with one direction only."""
    case, arrays = small
    width = case.output_size
    part = slice(direction * width, (direction + 1) * width)
    rows = [
        weights if layer == 0 else replace(weights, W=np.ascontiguousarray(weights.W[..., part]))
        for layer, weights in enumerate(arrays.weights.rows[direction::2])
    ]
    inputs = arrays.inputs
    states: dict[str, Any] = {
        n: None if (a := getattr(inputs, n)) is None else a[direction::2] for n in ("h0", "c0", "dh_n", "dc_n")
    }
    dy = None if inputs.dy is None else np.ascontiguousarray(inputs.dy[..., part])
    head = None if arrays.weights.W_y is None else np.ascontiguousarray(arrays.weights.W_y[:, part])
    weights = replace(arrays.weights, rows=tuple(rows), W_y=head)
    keys = {
        "direction": ("forward", "reverse")[direction],
        "activations": (case.activations_of(direction),),
    }
    return fitted(case, Arrays(weights, replace(inputs, dy=dy, **states)), keys)


LEVELS = 6
"""How simple a tensor can be made: 0 zeros, 1 ones, 2 halves, 3 its middle number throughout, 4 and 5 with few bits."""


def simplified(small: Small, levels: Mapping[str, int]) -> Small:
    """The case with each tensor, by its flat name, made as simple as its level says; `LEVELS` leaves it."""
    case, arrays = small
    flat = arrays.flat
    for name, level in levels.items():
        if level < LEVELS:
            flat[name] = _simple(flat[name], level)
    if case.poison is not None:
        kind = "inputs" if case.poison.tensor in case.input_shapes else "weights"
        poisoned = flat[f"{kind}.{case.poison.tensor}"].copy()
        poisoned[case.poison.at] = case.poison.value
        flat[f"{kind}.{case.poison.tensor}"] = poisoned
    return case, padded(case, Arrays.from_tensors(flat))


def _simple(array: Array, level: int) -> Array:
    numbers = array.astype(np.float64)
    finite = np.where(np.isfinite(numbers), numbers, 0.0)
    if level < 3:
        return np.full(array.shape, (0.0, 1.0, 0.5)[level]).astype(array.dtype)
    bits = {3: 2, 4: 1, 5: 5}[level]
    if level == 3:
        finite = np.full(array.shape, np.sort(finite, axis=None)[finite.size // 2] if finite.size else 0.0)
    mantissa, exponent = np.frexp(finite)
    return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent).astype(array.dtype)
