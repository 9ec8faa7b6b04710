"""Every LSTM in an ONNX model, those too that are not written as the operator LSTM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.models.onnx_graph import OWN_DOMAIN, Model, Scope, named, read
from conformance.models.onnx_layer import Layer, NotUsed, layer_of
from conformance.models.onnx_values import Values

_GATES = ("Sigmoid", "HardSigmoid")
_OTHER = {
    "DynamicQuantizeLSTM": "its weights are quantised to 8 bits, so its right answer is not that of an LSTM with the "
    "weights that were trained; check the model before it was quantised",
    "AttnLSTM": "it has an attention of its own",
}


@dataclass(frozen=True)
class FoundInModel:
    """What is in a model file. notes: what holds for all of it."""

    model: Model
    layers: list[Layer]
    not_used: list[NotUsed]
    notes: list[str]


def find(path: Path) -> FoundInModel:
    """The LSTM layers of an ONNX model, in the order of the file, and what looks like one and cannot become a case.

    Raises:
        ModelError: it is not an ONNX model that can be used.
    """
    model = read(path)
    values = Values()
    layers: list[Layer] = []
    not_used: list[NotUsed] = []
    for scope, place, node in model.nodes():
        if node.op_type == "LSTM" and node.domain in OWN_DOMAIN:
            found = layer_of(scope, place, node, values, model.proto.ir_version)
            if isinstance(found, Layer):
                layers.append(found)
            else:
                not_used.append(found)
        elif node.op_type in _OTHER:
            where = f"{node.op_type} {named(node, place)}" + (f", in {scope.where}" if scope.where else "")
            not_used.append(NotUsed(where, node.op_type, _OTHER[node.op_type]))
    not_used += _unrolled(model)
    return FoundInModel(model, layers, not_used, list(dict.fromkeys(values.notes)))


def _unrolled(model: Model) -> Iterator[NotUsed]:
    """LSTM cells made of single operators, counted for each graph."""
    for scope in model.scopes:
        steps = sum(1 for node in scope.nodes if _is_new_cell(scope, node))
        if steps:
            where = scope.where or "the main graph"
            repeated = scope.where.startswith("body of Loop") or scope.where.startswith("body of Scan")
            count = "a cell that a loop repeats" if repeated else f"{steps} step" + "s" * (steps != 1)
            yield NotUsed(
                where,
                "unrolled",
                f"an LSTM made of single operators, {count}: there is no node whose weights and options could be read; "
                "export it with the operator LSTM, or check the framework that it came from",
            )


def _is_new_cell(scope: Scope, node: Any) -> bool:
    """Whether a node is c = f * c + i * g, with f and i of a gate's activation and a gate on the activated c."""
    if node.op_type != "Add" or len(node.input) != 2:
        return False
    terms = [_factors(scope, name) for name in node.input]
    gates = [[factor for factor in term if factor in _GATES] for term in terms]
    if not (all(len(term) == 2 for term in terms) and all(gates)):
        return False
    if not any("Tanh" in term for term in terms):
        return False
    activated = {
        name for user in scope.nodes if user.op_type == "Tanh" and user.input[0] in node.output for name in user.output
    }
    return any(user.op_type == "Mul" and activated & set(user.input) for user in scope.nodes)


def _factors(scope: Scope, name: str) -> list[str]:
    """The kinds of the nodes that a product is made of; nothing if it is not one."""
    product = scope.made_by.get(name)
    if product is None or product.op_type != "Mul":
        return []
    makers = [scope.made_by.get(each) for each in product.input]
    return ["" if maker is None else str(maker.op_type) for maker in makers]
