"""Finds the LSTM layers among the tensors of a file, by the names and shapes that each layout has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.case.text import shortened
from conformance.weights.found import OPTIONS, FoundLayer, case_of, keys_of, meant_by
from conformance.weights.held import Held, demand_bounded
from conformance.weights.keras_config import Configured, configured
from conformance.weights.named import NAMED, Named
from conformance.weights.nodes import layer_of, layers_in, unstacked
from conformance.weights.unpacking import Misfit, needed, optional, unpacked

_TORCH = re.compile(r"(?P<prefix>.*?)weight_ih(?P<suffix>(?:_l(?P<layer>\d{1,3})(?P<reverse>_reverse)?)?)", re.DOTALL)
_LAYER = re.compile(r"(?P<before>(?:.*/)?)layer_(?P<layer>\d{1,3})/(?P<after>.*)", re.DOTALL)
_FORWARD = re.compile(r"(?<![a-z])(?P<word>forward|fw|bw|backward)(?![a-z])")
_BY_NAME = ("keras", "keras2-cudnn", "flax", "gates", "tflite")
"""The layouts whose names and shapes cannot be those of anything else; the others are asked for."""
_TF_CELL = re.compile(r"(?:^|/)(?:basic_)?lstm_cell(?:_\d+)?/$")


@dataclass(frozen=True)
class Finding:
    """layers: those found, in the order of the file. others: what looked like one and is not, one line each."""

    layers: tuple[FoundLayer, ...]
    others: tuple[str, ...] = ()


def find(
    held: Held, *, prefix: str = "", layout: Named | None = None, options: Mapping[str, Any] | None = None
) -> Finding:
    """The LSTM layers of a file.

    Args:
        prefix: only layers whose name or path in the file begins so (`meant_by`).
        layout: the layout that they are in; None to find it out.
        options: keys of a case that the user gives; they go before what the file says.

    Raises:
        ConformanceError: an option is not one, or does not go with a layer; or the layers are too large together.
    """
    if unknown := [key for key in options or {} if key not in OPTIONS]:
        known = ", ".join(OPTIONS)
        raise ConformanceError(f"--set {shortened(unknown[0])}: a layer has no such option; it has {known}")
    if held.model is not None and (held.model.layers or held.model.not_used):
        layers, others = _in_layout(*layers_in(held.model), layout)
    elif held.nodes:
        layers, others = _of_nodes(held, layout)
    else:
        layers, others = _of_tensors(held, layout)
    named = _called(held, layers)
    meant = meant_by(prefix, [(name, each.where) for name, each in zip(named, layers, strict=True)])
    told = [replace(_told(held, layers[n], options or {}), where=named[n]) for n in meant]
    return Finding(tuple(told), tuple(others))


def _called(held: Held, layers: Sequence[FoundLayer]) -> list[str]:
    """The names of the layers: those that they have in a model of Keras, where no two have the same."""
    names = [_name(held, each.where) for each in layers]
    return [name if name and names.count(name) == 1 else each.where for name, each in zip(names, layers, strict=True)]


def _name(held: Held, where: str) -> str | None:
    if held.config is not None and (own := _configured(held, where)) is not None:
        return own.name
    parts = where.split("/")
    names = (held.names.get("/".join(parts[: n + 1])) for n in range(len(parts)))
    return next((name for name in names if name is not None), None)


def _of_nodes(held: Held, layout: Named | None) -> tuple[list[FoundLayer], list[str]]:
    layers, others = [], []
    # Many operators may share a tensor, which each layer would have a copy of.
    demand_bounded(held.path, (array.nbytes for node in held.nodes for array in node.tensors.values()))
    for node in held.nodes:
        try:
            layers.append(layer_of(node))
        except (Misfit, ValueError) as reason:
            others.append(f"{node.name}: {reason}")
    return _in_layout(layers, others, layout)


def _in_layout(
    layers: Sequence[FoundLayer], others: Sequence[str], layout: Named | None
) -> tuple[list[FoundLayer], list[str]]:
    """Those of the layers that are in a layout; a line for each of the others."""
    fit = [each for each in layers if layout is None or layout.name == each.layout]
    wrong = [f"{e.where}: it is in the layout {e.layout}, not {layout.name}" for e in layers if layout and e not in fit]
    return fit, [*others, *wrong]


@dataclass(frozen=True)
class _Row:
    """One layer and direction. stem: the name without what says layer and direction."""

    where: str
    stem: str
    layer: int
    direction: int
    weights: LayerWeights


def _of_tensors(held: Held, layout: Named | None) -> tuple[list[FoundLayer], list[str]]:
    others: dict[str, str] = {}
    tensors = _by_paths(held.tensors)
    layers: list[FoundLayer] = []
    if layout is None or layout.name == "torch":
        layers += _joined(NAMED["torch"], _torch_rows(held.tensors, others), others)
    if layout is None or layout.stacked:
        layers += _stacked(tensors, others)
    if layout is None:
        chosen = [NAMED[name] for name in _BY_NAME] + [NAMED["tf-cell"]]
    else:
        chosen = [] if layout.name == "torch" or layout.stacked else [layout]
    taken: set[str] = set()
    for named in chosen:
        rows = _rows(named, tensors, others, explicit=layout is not None)
        rows = [row for row in rows if row.where not in taken]
        taken |= {row.where for row in rows}
        layers += _joined(named, rows, others)
    return layers, [f"{where}: {reason}" for where, reason in others.items() if where not in taken]


def _by_paths(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors with `/` in their names, those of Keras' files named as its layers do."""
    paths = {name.removesuffix(":0").replace(".", "/"): array for name, array in tensors.items()}
    names = dict(enumerate(("kernel", "recurrent_kernel", "bias")))
    found = {}
    for path, array in paths.items():
        parent, _, last = path.rpartition("/vars/")
        # Keras 3 numbers the weights of every layer; the second one of a Dense or Conv layer is its bias.
        second = paths.get(f"{parent}/vars/1")
        recurrent = parent and last in ("0", "1", "2") and second is not None and second.ndim > 1
        found[f"{parent}/{names[int(last)]}" if recurrent else path] = array
    return found


def _torch_rows(tensors: Mapping[str, Array], others: dict[str, str]) -> list[_Row]:
    rows = []
    layout = NAMED["torch"].layout
    for name in tensors:
        found = _TORCH.fullmatch(name)
        if found is None:
            continue
        prefix, suffix = found["prefix"], found["suffix"]
        own = {n: tensors[f"{prefix}{n}{suffix}"] for n in (*needed(layout), *optional(layout))
               if f"{prefix}{n}{suffix}" in tensors}  # fmt: skip
        try:
            weights = unpacked(layout, own)
        except Misfit as reason:
            others.setdefault(prefix or name, f"{reason}; GRU and RNN have the same names of tensors")
            continue
        rows.append(_Row(prefix, prefix, int(found["layer"] or 0), int(bool(found["reverse"])), weights))
    return rows


def _rows(named: Named, tensors: Mapping[str, Array], others: dict[str, str], *, explicit: bool) -> list[_Row]:
    layout, rows = named.layout, []
    names = needed(layout)
    for path in tensors:
        if not (path == names[0] or path.endswith(f"/{names[0]}")):
            continue
        prefix = path.removesuffix(names[0])
        if any(f"{prefix}{name}" not in tensors for name in names):
            continue
        keras = f"{prefix}recurrent_kernel" in tensors
        if named.name == "tf-cell" and not explicit and (keras or _TF_CELL.search(prefix) is None):
            continue
        own = {n: tensors[f"{prefix}{n}"] for n in (*names, *optional(layout)) if f"{prefix}{n}" in tensors}
        try:
            weights = unpacked(layout, own)
        except Misfit as reason:
            others.setdefault(prefix or path, str(reason))
            continue
        if named.always_bias and weights.b_w is None:
            continue  # something else, with a name that is part of the layout's
        rows.append(_placed(prefix, weights))
    return rows


def _placed(prefix: str, weights: LayerWeights) -> _Row:
    """A row with what its path says of layer and direction."""
    stem, layer, direction = prefix, 0, 0
    if found := _LAYER.fullmatch(stem):
        stem, layer = f"{found['before']}{found['after']}", int(found["layer"])
    if found := _FORWARD.search(stem):
        direction = int(found["word"] in ("backward", "bw"))
        stem = stem[: found.start()]  # what follows may be numbered on
    return _Row(prefix, stem, layer, direction, weights)


def _stacked(tensors: Mapping[str, Array], others: dict[str, str]) -> list[FoundLayer]:
    """Layers in ONNX's layout outside of a graph: W, R, B and P with a leading axis of directions."""
    rows = []
    for path in tensors:
        prefix = path.removesuffix("W")
        if (prefix and not prefix.endswith("/")) or prefix == path or f"{prefix}R" not in tensors:
            continue
        try:
            each = unstacked({name: tensors[f"{prefix}{name}"] for name in "WRBP" if f"{prefix}{name}" in tensors})
        except Misfit as reason:
            others.setdefault(prefix or path, str(reason))
            continue
        placed = _placed(prefix, each[0])
        rows += [replace(placed, direction=n, weights=w) for n, w in enumerate(each)]
    return _joined(NAMED["onnx"], rows, others)


def _joined(named: Named, rows: Sequence[_Row], others: dict[str, str]) -> list[FoundLayer]:
    """The rows of one stem as one layer or stack; each row on its own if they do not fit together."""
    stems: dict[str, list[_Row]] = {}
    for row in rows:
        stems.setdefault(row.stem, []).append(row)
    layers = []
    for stem, own in stems.items():
        directions = 1 + max(row.direction for row in own)
        places = sorted((row.layer, row.direction, n) for n, row in enumerate(own))
        whole = [(layer, d) for layer, d, _ in places]
        expected = [(layer, d) for layer in range(len(own) // directions) for d in range(directions)]
        ordered = [own[n] for *_, n in places]
        try:
            if whole != expected:
                raise ValueError("its layers and directions are not numbered from 0 without a gap")
            layers.append(_layer(named, ordered, directions, stem))
        except ValueError as reason:
            if named.name == "torch":
                others.setdefault(stem, str(reason))
                continue
            layers += [_layer(named, [row], 1, row.where) for row in own]
    return layers


def _layer(named: Named, rows: Sequence[_Row], directions: int, stem: str) -> FoundLayer:
    weights = Weights(tuple(row.weights for row in rows))
    where = rows[0].where if len(rows) == 1 else stem
    return FoundLayer(where.strip("/."), named.name, keys_of(weights.rows, directions), weights)


def _told(held: Held, layer: FoundLayer, options: Mapping[str, Any]) -> FoundLayer:
    """A layer with what the file's configuration, `conformance convert` and the user say of its options."""
    keys, notes, name = dict(layer.keys), list(layer.notes), layer.layout
    asked: dict[str, str] = {}
    if name == "keras" and re.match("[12](?![0-9])", held.keras or ""):
        name = "keras2"
    said = {key: value for key, value in held.options.items() if key in OPTIONS}
    if held.config is not None and (own := _configured(held, layer.where)) is not None:
        if own.problems and "activations" not in options:
            asked["activations"] = own.problems[0]
        notes += own.notes
        said = own.keys | said
    elif held.config is not None:
        notes.append("Keras' configuration has no LSTM of this name: the plain one is assumed")
    elif not held.nodes and held.model is None and not said and name != "torch" and not options:
        notes.append("the file says nothing of its options: those of the plain LSTM are assumed")
    if said.get("direction") == "reverse" and keys["direction"] == "bidirectional":
        said.pop("direction")
    keys |= {key: value for key, value in said.items() if key != "direction" or keys["direction"] == "forward"}
    keys |= options
    if NAMED.get(name) is not None and NAMED[name].forget_bias is not None and "forget_bias" not in keys:
        default = NAMED[name].forget_bias
        asked["forget_bias"] = (
            f"the framework adds it at run time, {default:g} by default, and the file does not say it"
        )
    try:
        case_of({"id": "weights/found", "T": 1, "B": 1, **keys})
    except ConformanceError as error:
        raise ConformanceError(f"{held.path}: {shortened(layer.where) or 'the layer'}: {error}") from error
    return replace(layer, layout=name, keys=keys, notes=tuple(notes), asked=asked)


def _configured(held: Held, where: str) -> Configured | None:
    """The layer of Keras' configuration whose weights stand at a path."""
    assert held.config is not None
    layers = configured(held.config, held.keras)
    parts = where.strip("/").split("/")
    names = [held.names.get("/".join(parts[: n + 1])) for n in range(len(parts))]
    by_name = {each.name: each for each in layers}
    for name in (*names, *parts):
        if name is not None and name in by_name:
            return by_name[name]
    by_group = {each.group: each for each in layers}
    return next((by_group[part] for part in parts if part in by_group), None) if not held.names else None
