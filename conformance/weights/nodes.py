"""LSTM operators of graphs as layers: the ONNX node, and TensorFlow Lite's sequence operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance.adapters.litert_model import LITERT, NORM
from conformance.case.options import DEFAULTS
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.weights.found import FoundLayer, keys_of, with_zeros
from conformance.weights.held import Node
from conformance.weights.named import NAMED
from conformance.weights.unpacking import Misfit, unpacked

if TYPE_CHECKING:
    from conformance.weights.onnx_find import FoundInModel
    from conformance.weights.onnx_layer import Layer as OnnxLayer


def layer_of(node: Node) -> FoundLayer:
    """The layer of a TensorFlow Lite operator.

    Raises:
        Misfit: its weights could not be read, or are not those of an LSTM.
    """
    if node.problems:
        raise Misfit(node.problems[0])
    return _tflite(node)


def layers_in(model: FoundInModel) -> tuple[list[FoundLayer], list[str]]:
    """The layers of the LSTM nodes of an ONNX model, and a line for each that is not one after all."""
    return [_onnx(each) for each in model.layers], [f"{each.where}: {each.why}" for each in model.not_used]


def _onnx(node: OnnxLayer) -> FoundLayer:
    """A node as a file of weights has it: without the way in which it is called."""
    rows, exact = node.weights.rows, node.keys["dtype"] == "float64"
    keys = {**keys_of(rows, len(rows)), **{name: value for name, value in node.keys.items() if name != "layout"}}
    notes = [note for note in node.notes if not note.startswith("clip is 0")]
    if clip := keys.get("gate_clip"):
        keys["gate_clip"] = {**clip, "bound": _decimal(clip["bound"], exact)}
        notes.append("clip is read as onnxruntime does: it bounds the inputs of the gates")
    if "activations" in keys:
        each = keys["activations"] if isinstance(keys["activations"], list) else [keys["activations"]]
        keys["activations"] = [{place: _meant(one, exact) for place, one in of.items()} for of in each]
        if "hard_sigmoid" in str(each):
            notes.append("HardSigmoid: its slope is 0.2 where activation_alpha is not given")
    where = node.node.name or next(name for name in node.node.output if name)
    return FoundLayer(where, "onnx", keys, node.weights, tuple(notes))


def _meant(activation: Any, exact: bool) -> Any:
    """An activation with its parameters in decimal numbers; those that the node leaves out are the operator's own."""
    if isinstance(activation, str):
        return activation
    if "defaults" in activation:
        return {"name": activation["name"], **DEFAULTS[activation["defaults"]][activation["name"]]}
    return {key: _decimal(value, exact) if key in ("alpha", "beta") else value for key, value in activation.items()}


def _decimal(value: float, exact: bool) -> float:
    """A float attribute, whose type is float32: the decimal number that was meant, unless the difference counts."""
    return float(value) if exact else float(str(np.float32(value)))


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
