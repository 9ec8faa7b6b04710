"""LSTM operators of graphs as layers: the ONNX node, and TensorFlow Lite's sequence operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conformance.adapters.litert_model import LITERT, NORM
from conformance.adapters.onnx_model import NAMES
from conformance.case.options import DEFAULTS, PARAMETERS
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.case.text import shortened
from conformance.weights.found import FoundLayer, keys_of, with_zeros
from conformance.weights.held import Node
from conformance.weights.named import NAMED
from conformance.weights.unpacking import Misfit, unpacked

_ACTIVATIONS = {theirs.lower(): ours for ours, theirs in NAMES.items()}


def layer_of(node: Node) -> FoundLayer:
    """The layer of an operator.

    Raises:
        Misfit: its weights could not be read, or are not those of an LSTM.
    """
    if node.problems:
        raise Misfit(node.problems[0])
    return _onnx(node) if node.kind == "ONNX LSTM" else _tflite(node)


def _onnx(node: Node) -> FoundLayer:
    told = {name: v.decode() if isinstance(v, bytes) else v for name, v in node.attributes.items()}
    rows = unstacked(node.tensors)
    direction = told.get("direction", "forward")
    if (len(rows) == 2) != (direction == "bidirectional"):
        raise Misfit(f"its direction is {shortened(str(direction))}, but its weights have {len(rows)} directions")
    keys = {**keys_of(rows, len(rows)), "direction": direction}
    if told.get("hidden_size", keys["H"]) != keys["H"]:
        raise Misfit(f"its hidden_size is {told['hidden_size']}, but its weights have {keys['H']} units")
    notes, exact = [], keys["dtype"] == "float64"
    if "clip" in told:
        keys["gate_clip"] = {"bound": _number(float(told["clip"]), exact), "reading": "gates"}
        notes.append("clip is read as onnxruntime does: it bounds the inputs of the gates")
    if told.get("input_forget"):
        keys["coupling"] = "forget=1-input"
    if "activations" in told:
        keys["activations"] = _activations(told, len(rows), exact)
        if any("hard_sigmoid" in str(each) for each in keys["activations"]):
            notes.append("HardSigmoid: its slope is 0.2 where activation_alpha is not given")
    return FoundLayer(node.name, "onnx", keys, Weights(tuple(rows)), tuple(notes))


def unstacked(tensors: Mapping[str, Array]) -> list[LayerWeights]:
    """The rows of ONNX's tensors, which have a leading axis of directions.

    Raises:
        Misfit: they have not.
    """
    if "W" not in tensors or "R" not in tensors or tensors["W"].ndim != 3 or len(tensors["W"]) not in (1, 2):
        raise Misfit("its W has no leading axis of one or two directions")
    if any(len(array) != len(tensors["W"]) for array in tensors.values()):
        raise Misfit("its tensors have different numbers of directions")
    each = ({name: array[n] for name, array in tensors.items()} for n in range(len(tensors["W"])))
    return [unpacked(NAMED["onnx"].layout, row) for row in each]


def _number(value: float, exact: bool) -> float:
    """A float attribute, whose type is float32: the decimal number that was meant, unless the difference counts."""
    return float(value) if exact else float(str(np.float32(value)))


def _activations(told: Mapping[str, Any], directions: int, exact: bool) -> list[dict[str, Any]]:
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in told["activations"]]
    if len(names) != 3 * directions:
        raise Misfit(f"it has {len(names)} activations where {3 * directions} are needed")
    given = {key: list(told.get(f"activation_{key}", ())) for key in ("alpha", "beta")}
    found = []
    for name in names:
        ours = _ACTIVATIONS.get(name.lower())
        if ours is None:
            raise Misfit(f"the suite has no activation {shortened(name)!r}")
        defaults = DEFAULTS["onnx"].get(ours, {})
        each: dict[str, Any] = {"name": ours}
        for key in PARAMETERS.get(ours, ()):
            # "The values are consumed in the order of activation functions."
            value = given[key].pop(0) if given[key] else defaults.get(key)
            if value is None:
                raise Misfit(f"{name} has no {key}")
            each[key] = _number(value, exact)
        found.append(each)
    sets = [dict(zip(("gate", "cell", "hidden"), found[3 * n : 3 * n + 3], strict=True)) for n in range(directions)]
    return sets[:1] if sets[0] == sets[-1] else sets


def _tflite(node: Node) -> FoundLayer:
    told = node.attributes
    if told.get("basic"):
        raise Misfit("it is the basic kernel of LSTM, whose gates share one matrix; only the full one is read")
    directions = sorted({role.partition(".")[0] for role in node.tensors})
    each = [
        {name.partition(".")[2]: a for name, a in node.tensors.items() if name.startswith(f"{n}.")} for n in directions
    ]
    coupled = bool(each) and all("input_to_i" not in row for row in each)
    rows = [_tflite_row(with_zeros(row) if coupled else row) for row in each]
    if not rows:
        raise Misfit("it has no weights")
    keys = keys_of(rows, len(rows))
    if told.get("activation", "tanh") is None:
        raise Misfit("the suite has no activation of its fused_activation_function")
    cell = told.get("activation", "tanh")
    keys |= {} if cell == "tanh" else {"activations": [{"cell": cell, "hidden": cell}]}
    keys |= {name: told[name] for name in ("cell_clip", "projection_clip") if told.get(name)}
    keys |= {"coupling": "input=1-forget"} if coupled else {}
    keys |= {"layer_norm": "nnapi"} if rows[0].gamma is not None else {}
    return FoundLayer(node.name, "tflite", keys, Weights(tuple(rows)))


def _tflite_row(row: Mapping[str, Array]) -> LayerWeights:
    extra = {name: row[name] for name in ("projection_bias", *NORM) if name in row}
    if NORM[0] not in extra and NORM[1] in extra:  # a coupled input gate has none of its own
        extra[NORM[0]] = np.ones_like(extra[NORM[1]])
    found = unpacked(LITERT, {name: array for name, array in row.items() if name not in extra})
    more: dict[str, Any] = {"projection_bias": extra.get("projection_bias")}
    if all(name in extra for name in NORM):
        more["gamma"] = np.stack([extra[name] for name in NORM])
    return LayerWeights(**{**vars(found), **more})
