"""YAML with its line numbers: plain dicts and lists that remember where each key and item stands.

PyYAML's safe loader builds the node tree; no tag but the safe schema's own is ever constructed.
"""

from __future__ import annotations

from typing import Any

import yaml

from conformance.case.errors import SpecError


class LocatedDict(dict[str, Any]):
    """A mapping; `lines[key]` is the line its key stands on."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class LocatedList(list[Any]):
    """A sequence; `lines[i]` is the line its i-th item starts on."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def parse(text: str, file: str) -> Any:
    """The one document of a YAML file.

    Raises:
        SpecError: not YAML, a duplicate key, a key that is not text, or a tag outside the safe schema.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise SpecError([f"{file}:1: the file is empty"])
        return _build(loader, node, file, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError([f"{file}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise SpecError([f"{file}:1: not valid YAML: {error}"]) from error
    finally:
        loader.dispose()


def _build(loader: Any, node: yaml.Node, file: str, open_nodes: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in open_nodes:
        raise SpecError([f"{file}:{line}: an alias points into itself"])
    open_nodes = open_nodes | {id(node)}
    if isinstance(node, yaml.MappingNode):
        mapping = LocatedDict(line)
        for key_node, value_node in node.value:
            key, key_line = loader.construct_object(key_node), key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise SpecError([f"{file}:{key_line}: key {key!r} is not text"])
            if key in mapping:
                first = mapping.lines[key]
                raise SpecError([f"{file}:{key_line}: key {key!r} stands here and on line {first}; keep one"])
            mapping[key] = _build(loader, value_node, file, open_nodes)
            mapping.lines[key] = key_line
        return mapping
    if isinstance(node, yaml.SequenceNode):
        sequence = LocatedList(line)
        for item in node.value:
            sequence.append(_build(loader, item, file, open_nodes))
            sequence.lines.append(item.start_mark.line + 1)
        return sequence
    return loader.construct_object(node)


def merged(base: LocatedDict, over: LocatedDict) -> LocatedDict:
    """`over` laid on `base`, mapping by mapping; lines follow the values."""
    result = LocatedDict(over.line)
    result.update(base)
    result.lines.update(base.lines)
    for key, value in over.items():
        below = base.get(key)
        # A source or an activation is replaced whole: merging two of them would give a third that nobody wrote.
        deep = isinstance(value, LocatedDict) and isinstance(below, LocatedDict) and key in MERGED_KEYS
        result[key] = merged(below, value) if deep else value  # type: ignore[arg-type]
        result.lines[key] = over.lines[key]
    return result


MERGED_KEYS = frozenset({"weights", "tolerance"})
"""The keys whose mappings are merged key by key; every other value replaces the one below it."""


def line_of(value: Any, path: tuple[int | str, ...]) -> tuple[int, str]:
    """The line and the written path (`weights.W`) of the deepest part of `path` that stands in the file."""
    line, written = getattr(value, "line", 1), []
    for part in path:
        if isinstance(value, LocatedDict) and part in value:
            line = value.lines[str(part)]
        elif isinstance(value, LocatedList) and isinstance(part, int) and part < len(value):
            line = value.lines[part]
        else:
            continue  # a step of the model's own (a union's member) that nobody wrote
        written.append(str(part))
        value = value[part]
    return line, ".".join(written)
