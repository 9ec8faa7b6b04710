"""Reads an ONNX model without trusting it, and walks over its graphs, those of If, Loop, Scan and functions too.

Nothing is executed. Sizes are bounded before anything is read, and external data lies in the model's own folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, read_file

LARGEST = 2048 * MEBIBYTE
"""The most bytes of a model and its external data, which is also the most that protobuf can read."""
DEEPEST = 32
"""Most levels of graphs inside graphs."""
MOST_GRAPHS = 10_000
OWN_DOMAIN = ("", "ai.onnx")


class ModelError(ConformanceError):
    """A model file cannot be used, with the reason in one line."""


@dataclass(frozen=True, eq=False)
class Scope:
    """One graph of a model, with what its nodes can refer to.

    where: in words, "" for the main graph. nodes: in the file's order. initializers: by name. inputs: names that are
    given from outside. outer: the graph around a body, whose values its nodes see. opsets: domain -> version.
    types: of the values that the file says them of. bound, attributes: of a function, as one node calls it: its inputs
    with where they come from, and its attributes.
    """

    where: str
    nodes: tuple[Any, ...]
    opsets: Mapping[str, int]
    initializers: Mapping[str, Any] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    outer: Scope | None = None
    types: Mapping[str, Any] = field(default_factory=dict)
    bound: Mapping[str, tuple[Scope, str]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def made_by(self) -> dict[str, Any]:
        """The node that each name of the graph comes from."""
        return {name: node for node in self.nodes for name in node.output if name}

    @cached_property
    def users(self) -> dict[str, list[Any]]:
        """The nodes of the graph that read each name."""
        found: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def resolved(self, node: Any) -> Any:
        """A node with the attributes that it takes from the function around it; the others stay as the file has them.

        An attribute that the call does not give is left out, as ONNX has it.
        """
        if not any(attribute.ref_attr_name for attribute in node.attribute):
            return node
        copy = type(node)()
        copy.CopyFrom(node)
        del copy.attribute[:]
        for attribute in node.attribute:
            given = self.attributes.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
            if given is not None:
                copy.attribute.add().CopyFrom(given)
                copy.attribute[-1].name = attribute.name
        return copy


@dataclass(frozen=True)
class Model:
    """An ONNX model and every graph in it."""

    path: Path
    proto: Any
    scopes: tuple[Scope, ...]

    def nodes(self) -> Iterator[tuple[Scope, int, Any]]:
        """Every node with its graph and its place there."""
        for scope in self.scopes:
            for n, node in enumerate(scope.nodes):
                yield scope, n, node


def read(path: Path) -> Model:
    """The model of a file.

    Raises:
        ModelError: it is not an ONNX model, or its external data cannot be used.
        FileError: the file cannot be read or is too large.
    """
    import onnx

    data = read_file(path, LARGEST)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError, which depends on its implementation
        raise ModelError(f"{path}: is not an ONNX model, or is cut off: {shortened(str(error))}") from error
    if not proto.HasField("graph") or not proto.graph.node:
        raise ModelError(f"{path}: is not an ONNX model: it has no graph with a node")
    _load_external(path, proto)
    return Model(path, proto, tuple(_Walk(path, proto).scopes))


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of a node as Python values; texts as str."""
    import onnx

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value

    return {attribute.name: plain(onnx.helper.get_attribute_value(attribute)) for attribute in node.attribute}


class _Walk:
    """Collects the scopes of a model."""

    def __init__(self, path: Path, proto: Any) -> None:
        self.path = path
        self.functions = {(function.domain, function.name): function for function in proto.functions}
        self.called: set[tuple[str, str]] = set()
        self.scopes: list[Scope] = []
        opsets = {entry.domain: entry.version for entry in proto.opset_import}
        self.graph(proto.graph, "", None, opsets, 0)
        for key in self.functions.keys() - self.called:
            self.function(key, "which no node calls", opsets, 0)

    def graph(self, graph: Any, where: str, outer: Scope | None, opsets: Mapping[str, int], depth: int) -> None:
        """Add a graph and everything inside it."""
        scope = Scope(
            where,
            tuple(graph.node),
            opsets,
            initializers={tensor.name: tensor for tensor in graph.initializer},
            inputs=frozenset(value.name for value in graph.input),
            outer=outer,
            types={value.name: value.type for value in (*graph.value_info, *graph.input, *graph.output)},
        )
        self.add(scope, depth)

    def function(
        self,
        key: tuple[str, str],
        how: str,
        opsets: Mapping[str, int],
        depth: int,
        call: tuple[Scope, Any] | None = None,
    ) -> None:
        """Add a function, as one node calls it."""
        function = self.functions[key]
        own = {entry.domain: entry.version for entry in function.opset_import}
        inputs = list(function.input)
        bound: dict[str, tuple[Scope, str]] = {}
        attributes = {attribute.name: attribute for attribute in function.attribute_proto}
        if call is not None:
            scope, node = call
            bound = {name: (scope, given) for name, given in zip(inputs, node.input, strict=False)}
            attributes |= {attribute.name: attribute for attribute in scope.resolved(node).attribute}
        where = f"function {shortened('.'.join(filter(None, key)))}, {how}"
        body = Scope(
            where, tuple(function.node), {**opsets, **own}, inputs=frozenset(inputs), bound=bound, attributes=attributes
        )
        self.add(body, depth)

    def add(self, scope: Scope, depth: int) -> None:
        """Add a scope and those that its nodes hold or call."""
        if depth > DEEPEST:
            raise ModelError(f"{self.path}: has graphs inside graphs, or functions that call each other, too deep")
        if len(self.scopes) == MOST_GRAPHS:
            raise ModelError(f"{self.path}: has more than {MOST_GRAPHS} graphs, calls of functions counted")
        self.scopes.append(scope)
        for n, node in enumerate(scope.nodes):
            if (key := (node.domain, node.op_type)) in self.functions:
                self.called.add(key)
                how = f"as {named(node, n)} calls it" + (f" in {scope.where}" if scope.where else "")
                self.function(key, how, scope.opsets, depth + 1, (scope, node))
            for attribute in node.attribute:
                for body in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
                    where = f"{attribute.name} of {node.op_type} {named(node, n)}"
                    inside = f"{where} in {scope.where}" if scope.where else where
                    self.graph(body, inside, scope, scope.opsets, depth + 1)


def named(node: Any, place: int) -> str:
    """The name of a node as messages show it; its place among the nodes if it has none."""
    return shortened(repr(node.name)) if node.name else f"number {place + 1}"


# External data.


def _load_external(path: Path, proto: Any) -> None:
    """Read the tensors that are stored beside the model, after checking where they lie and how large they are."""
    import onnx
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    folder = Path(os.path.realpath(path.parent))
    total = 0
    files: dict[PurePosixPath, bytes] = {}
    for tensor in _tensors(proto):
        if not uses_external_data(tensor):
            continue
        shown = shortened(repr(tensor.name))
        try:
            info = ExternalDataInfo(tensor)
            written = PurePosixPath(info.location.replace("\\", "/"))
            offset, length = int(info.offset or 0), None if info.length is None else int(info.length)
        except (ValueError, AttributeError) as error:
            raise ModelError(f"{path}: the external data of {shown} is not described rightly: {error}") from error
        place = folder / written
        if written.is_absolute() or ".." in written.parts or not Path(os.path.realpath(place)).is_relative_to(folder):
            raise ModelError(
                f"{path}: the external data of {shown} is outside the model's folder ({shortened(str(written))}); "
                "only files beside the model are read"
            )
        wanted = _bytes_of(path, tensor)
        total += wanted
        if total > LARGEST:
            raise ModelError(f"{path}: has more than {LARGEST // MEBIBYTE} MiB of external data")
        if offset < 0 or (length is not None and length != wanted):
            raise ModelError(f"{path}: {shown} needs {wanted} bytes, and its external data says {length} at {offset}")
        if written not in files:
            files = {written: read_file(place, LARGEST)}  # one at a time: usually all tensors lie in one
        data = files[written][offset : offset + wanted]
        if len(data) != wanted:
            raise ModelError(f"{path}: {written} ends before the data of {shown}")
        tensor.raw_data = data
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _bytes_of(path: Path, tensor: Any) -> int:
    """The size that the type and the shape of a tensor give."""
    import onnx

    count = 1
    for size in tensor.dims:
        if size < 0:
            raise ModelError(f"{path}: {shortened(repr(tensor.name))} has a negative size")
        count *= size
    try:
        bits = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: {shortened(repr(tensor.name))} has a type that is not known here") from error
    return count * int(bits)


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor of a model: initializers and constants, in bodies and functions too."""
    graphs = [message.graph]
    nodes = [node for function in message.functions for node in function.node]
    depth = 0
    while graphs or nodes:
        if (depth := depth + 1) > 2 * DEEPEST:
            return  # refused by the walk over the graphs
        for graph in graphs:
            yield from graph.initializer
            nodes += graph.node
        graphs = []
        for node in nodes:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors
                graphs += [attribute.g] if attribute.HasField("g") else []
                graphs += attribute.graphs
        nodes = []
