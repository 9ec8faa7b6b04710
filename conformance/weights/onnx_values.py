"""Follows a tensor of an ONNX graph to the numbers that it always has.

Weights reach a node as initializers, or from them through nodes that move, convert or scale numbers. Such a node is
evaluated by ONNX's own reference, one at a time, after its inputs are known and small enough. Nodes of any other kind
are not followed: what they give is taken as not constant, and named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import MEBIBYTE
from conformance.weights.onnx_graph import OWN_DOMAIN, ModelError, Scope, attributes_of

_MOVES = ("Identity", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Slice", "Split", "Concat", "Gather")
_MAKES = ("Expand", "Shape", "ConstantOfShape")
_COMPUTES = ("Cast", "CastLike", "DequantizeLinear", "Add", "Sub", "Mul", "Div", "Neg")
FOLLOWED = frozenset({*_MOVES, *_MAKES, *_COMPUTES})
_LEAST_OPSET = {"DequantizeLinear": 19}
"""onnx's reference (1.23.2) has no older version of these; what they compute is the same."""
LONGEST_CHAIN = 200
LARGEST = 512 * MEBIBYTE
"""The most bytes of a tensor on the way to a node."""


@dataclass(frozen=True)
class Unknown:
    """A tensor that is not constant. why: where it comes from, in words. given: from outside, as an input."""

    why: str
    given: bool = False


@dataclass
class Values:
    """The constant tensors of a model, each computed once."""

    notes: list[str] = field(default_factory=list)
    _known: dict[tuple[int, str], Array | Unknown] = field(default_factory=dict)

    def of(self, scope: Scope, name: str) -> Array | Unknown:
        """The numbers of a tensor, or why they are not known.

        Raises:
            ModelError: the graph goes in a circle, or a tensor on the way is too large or cannot be computed.
        """
        return self._of(scope, name, 0)

    def _of(self, scope: Scope, name: str, depth: int) -> Array | Unknown:
        if depth > LONGEST_CHAIN:
            raise ModelError(f"{shortened(repr(name))} depends on itself, or on a chain of over {LONGEST_CHAIN} nodes")
        key = (id(scope), name)
        if key not in self._known:
            self._known[key] = self._found(scope, name, depth)
        return self._known[key]

    def _found(self, scope: Scope, name: str, depth: int) -> Array | Unknown:
        shown = shortened(repr(name))
        if name in scope.bound:
            outer, given = scope.bound[name]
            return self._of(outer, given, depth + 1) if given else Unknown("it is left out by the call", given=True)
        if name in scope.initializers:
            if name in scope.inputs:
                self.notes.append(f"{shown} is an input with a default: the default is taken")
            return _numbers(scope.initializers[name])
        if name in scope.inputs:
            return Unknown(f"it is the input {shown}", given=True)
        if (node := scope.made_by.get(name)) is not None:
            return self._made(scope, node, name, depth)
        if scope.outer is not None:
            return self._of(scope.outer, name, depth + 1)
        raise ModelError(f"no node gives {shown}")

    def _made(self, scope: Scope, node: Any, name: str, depth: int) -> Array | Unknown:
        node = scope.resolved(node)
        if node.domain in OWN_DOMAIN and node.op_type == "Constant":
            return _constant(node)
        if node.domain not in OWN_DOMAIN or node.op_type not in FOLLOWED:
            return Unknown(f"it comes from {node.op_type} {shortened(repr(node.name))}")
        inputs: dict[str, Array] = {}
        for each in node.input:
            if not each:
                continue
            found = self._of(scope, each, depth + 1)
            if isinstance(found, Unknown):
                return found
            inputs[each] = found
        _demand_small(node, [inputs[each] for each in node.input if each])
        return _evaluated(scope, node, inputs, name)


def _numbers(tensor: Any) -> Array:
    import onnx

    try:
        found: Array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{shortened(repr(tensor.name))} cannot be read: {shortened(str(error))}") from error
    return found


def _constant(node: Any) -> Array | Unknown:
    for name, value in attributes_of(node).items():
        if name == "value":
            return _numbers(value)
        if name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    return Unknown("it is a Constant of another kind than numbers")


def _demand_small(node: Any, inputs: list[Array]) -> None:
    """Raises ModelError if the result of a node may be too large."""
    size = sum(each.nbytes for each in inputs)
    if node.op_type in ("Expand", "ConstantOfShape") and inputs:
        wanted = [max(int(n), 1) for n in inputs[-1].ravel()[:16]]
        size = 8 * math.prod(wanted) * (max(inputs[0].size, 1) if node.op_type == "Expand" else 1)
    elif node.op_type in ("Add", "Sub", "Mul", "Div") and len(inputs) == 2:
        shapes = [(1,) * (max(a.ndim for a in inputs) - each.ndim) + each.shape for each in inputs]
        size = 8 * math.prod(max(sizes) for sizes in zip(*shapes, strict=True))
    elif node.op_type == "Gather" and len(inputs) == 2:
        size = inputs[0].nbytes * max(inputs[1].size, 1)
    if size > LARGEST:
        raise ModelError(f"{node.op_type} {shortened(repr(node.name))} would make more than {LARGEST // MEBIBYTE} MiB")


def _evaluated(scope: Scope, node: Any, inputs: dict[str, Array], name: str) -> Array:
    """One output of a node, by ONNX's reference."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    values = [onnx.helper.make_empty_tensor_value_info(each) for each in (*inputs, name)]
    graph = onnx.helper.make_graph([node], "one", values[:-1], values[-1:])
    version = max(scope.opsets.get(each, 0) for each in OWN_DOMAIN) or 1
    opset = onnx.helper.make_opsetid("", max(version, _LEAST_OPSET.get(node.op_type, 1)))
    try:
        evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=[opset]))
        return np.asarray(evaluator.run([name], inputs)[0])
    except Exception as error:  # whatever the reference raises for a node that is not as ONNX has it
        where = f"{node.op_type} {shortened(repr(node.name))}"
        raise ModelError(f"{where} cannot be computed: {type(error).__name__}: {shortened(str(error))}") from error
