"""Every LSTM in an ONNX model, those too that are not written as the operator LSTM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.weights.onnx_graph import OWN_DOMAIN, Model, Scope, named, read
from conformance.weights.onnx_layer import Layer, NotUsed, layer_of
from conformance.weights.onnx_values import Values

_GATES = frozenset({"Sigmoid", "HardSigmoid", "Clip"})
"""What a gate's activation ends in; exporters write a hard sigmoid as a Clip."""
_KEEP = frozenset({"Identity", "Cast"})
_FEW = 8
"""Most nodes in a row that keep a tensor as it is."""
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
    if not (all(len(term) == 2 and _GATES & set(term) for term in terms) and any("Tanh" in term for term in terms)):
        return False
    new_c = _passed_on(scope, node.output[0])
    activated = [user.output[0] for name in new_c for user in scope.users.get(name, ()) if user.op_type == "Tanh"]
    shown = [name for each in activated for name in _passed_on(scope, each)]
    return any(user.op_type == "Mul" for name in shown for user in scope.users.get(name, ()))


def _passed_on(scope: Scope, name: str) -> list[str]:
    """A tensor by all its names: those too that it has after nodes that keep its values."""
    found = [name]
    for each in found:
        found += [user.output[0] for user in scope.users.get(each, ()) if user.op_type in _KEEP][:_FEW]
        if len(found) > _FEW:
            break
    return found


def _factors(scope: Scope, name: str) -> list[str]:
    """The kinds of the nodes that a product is made of; nothing if it is not one."""
    product = _maker(scope, name, _FEW)
    if product is None or product.op_type != "Mul":
        return []
    return [_kind(scope, each) for each in product.input]


def _kind(scope: Scope, name: str) -> str:
    """The kind of the node that a factor comes from; a constant factor, as in a hard sigmoid, does not count."""
    for _ in range(_FEW):
        maker = _maker(scope, name, _FEW)
        if maker is None:
            return ""
        others = [each for each in maker.input if not _is_constant(scope, each)]
        if maker.op_type not in ("Mul", "Div") or len(others) != 1:
            return str(maker.op_type)
        (name,) = others
    return ""


def _maker(scope: Scope, name: str, most: int) -> Any:
    """The node that a tensor comes from, before those that keep its values."""
    maker = scope.made_by.get(name)
    for _ in range(most):
        if maker is None or maker.op_type not in _KEEP:
            return maker
        maker = scope.made_by.get(maker.input[0])
    return None


def _is_constant(scope: Scope, name: str) -> bool:
    around: Scope | None = scope
    while around is not None:
        if name in around.initializers:
            return True
        if (maker := around.made_by.get(name)) is not None:
            return bool(maker.op_type == "Constant")
        around = around.outer
    return False
