"""YAML with its line numbers: plain dicts and lists that remember where each key and item stands.

PyYAML's safe loader builds the node tree; no tag but the safe schema's own is ever constructed. Documents that are too
deep for the parser's stack, or that grow without bound when their aliases are followed, are refused.
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

from conformance.case.errors import SpecError

DEEPEST = 40
MOST_NODES = 200_000
_MAPPING, _SEQUENCE = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


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
        SpecError: not YAML, a duplicate key, a key that is not text, a tag outside the safe schema, or too much of it.
    """
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    try:
        _refuse_deep(text, loader_class, file)
        loader = loader_class(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError([f"{file}:1: the file is empty"])
        return _Builder(loader, file).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError([f"{file}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise SpecError([f"{file}:1: not valid YAML: {str(error).splitlines()[0]}"]) from error
    finally:
        if loader is not None:
            loader.dispose()


def _refuse_deep(text: str, loader_class: Any, file: str) -> None:
    """Refuse nesting that would exhaust the stack of the C parser, which ends the process."""
    depth = 0
    for event in yaml.parse(text, loader_class):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > DEEPEST:
                _refuse(file, event.start_mark, f"nested more than {DEEPEST} deep")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


class _Builder:
    """Nodes to located values, every alias followed."""

    def __init__(self, loader: Any, file: str) -> None:
        self._loader = loader
        self._file = file
        self._open: list[yaml.Node] = []
        self._built = 0

    def build(self, node: yaml.Node) -> Any:
        """The value of a node and everything below it."""
        if any(node is above for above in self._open):
            _refuse(self._file, node.start_mark, "an alias points into itself")
        self._built += 1
        if len(self._open) > DEEPEST or self._built > MOST_NODES:
            _refuse(self._file, node.start_mark, "aliases make this too deep or too large")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in (_MAPPING, _SEQUENCE):
            _refuse(self._file, node.start_mark, f"the tag {node.tag} is not allowed")
        self._open.append(node)
        built = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._open.pop()
        return built

    def _mapping(self, node: yaml.Node) -> LocatedDict:
        mapping = LocatedDict(node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = self.build(key_node)
            if not isinstance(key, str):
                _refuse(self._file, key_node.start_mark, f"key {key!r} is not text")
            if key in mapping:
                first = mapping.lines[key]
                _refuse(self._file, key_node.start_mark, f"key {key!r} stands here and on line {first}; keep one")
            mapping[key] = self.build(value_node)
            mapping.lines[key] = key_node.start_mark.line + 1
        return mapping

    def _sequence(self, node: yaml.Node) -> LocatedList:
        sequence = LocatedList(node.start_mark.line + 1)
        for item in node.value:
            sequence.append(self.build(item))
            sequence.lines.append(item.start_mark.line + 1)
        return sequence

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (ValueError, KeyError, OverflowError):  # PyYAML lets them through: a date of month 13, !!bool maybe
            kind = node.tag.rpartition(":")[2]
            _refuse(self._file, node.start_mark, f"{_short(node.value)!r} is not a valid {kind}")
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            _refuse(self._file, node.start_mark, f"{_short(node.value)} does not fit into 64 bits")
        return value


def _refuse(file: str, mark: Any, problem: str) -> NoReturn:
    raise SpecError([f"{file}:{mark.line + 1}: {problem}"])


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."


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


MERGED_KEYS = frozenset({"weights", "tolerance", "exempt"})
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
