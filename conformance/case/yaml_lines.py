"""Reads YAML with its line numbers, into dicts and lists that remember the line of each key and item.

PyYAML reads the events; this module builds mappings, sequences, and scalars (conformance.case.scalars). Only the
tags of JSON's types are allowed. The depth and the number of values are bounded while they are read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from conformance.case import scalars
from conformance.case.errors import SpecError
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, FileError, read_text

DEEPEST = 40
"""Most levels of nested mappings and sequences."""
MOST_VALUES = 4_000_000
"""Most values in a file, aliases counted as if written out. A value takes up to 220 bytes, all of them under 1 GiB."""
MOST_BYTES = 64 * MEBIBYTE
"""Most bytes in a file."""
_TAG = "tag:yaml.org,2002:"
_SCALARS = ("str", "int", "float", "bool", "null")


class LocatedDict(dict[str, Any]):
    """A mapping; `lines[key]` is the line of that key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class LocatedList(list[Any]):
    """A sequence; `lines[i]` is the line on which its i-th item starts."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines = array("L")


def parse_file(path: Path, shown: str) -> Any:
    """The single document of a YAML file; `shown` is the file's name in messages.

    Raises:
        SpecError: not a regular file, or too large; not UTF-8; or what `parse` refuses.
    """
    try:
        text = read_text(path, MOST_BYTES)
    except FileError as error:
        raise SpecError([f"{shown}:1: cannot be read: {error.problem}"]) from error
    return parse(text, shown)


def parse(text: str, file: str) -> Any:
    """The single document of a YAML text; `file` is its name in messages.

    Raises:
        SpecError: not YAML, a duplicate key, a key that is not text, an ambiguous scalar, a tag that is not of one of
        JSON's types, or too much data.
    """
    events: Any = yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        return _Reader(events, file).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError([f"{file}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise SpecError([f"{file}:1: not valid YAML: {str(error).splitlines()[0]}"]) from error
    finally:
        events.close()


class _Anchored(NamedTuple):
    """What an alias stands for: a value, how many values that is, and how many levels."""

    value: Any
    size: int
    levels: int


class _Reader:
    """Turns events into located values. An alias gives the very object it refers to, and counts as if written out."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._anchors: dict[str, _Anchored | None] = {}  # None while the value is being read
        self._keys: list[str] = []
        self._values = 0
        self._repeated = 0  # how many of these values come from aliases
        self._lowest = 0  # the deepest level since it was last reset

    def document(self) -> Any:
        """The value of the only document."""
        documents: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if documents:
                    self._refuse(event, "not valid YAML: a second document starts here; a file holds one")
                documents.append(self._value(next(self._events), 0))
        if not documents:
            raise SpecError([f"{self._file}:1: the file is empty"])
        return documents[0]

    def _value(self, event: Any, depth: int) -> Any:
        """The value that begins with this event, inside `depth` mappings and sequences."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.anchor is None:
            return self._written(event, depth)
        self._anchors[event.anchor] = None
        before, lowest, self._lowest = self._values, self._lowest, depth
        value = self._written(event, depth)
        self._anchors[event.anchor] = _Anchored(value, self._values - before, self._lowest - depth)
        self._lowest = max(lowest, self._lowest)
        return value

    def _written(self, event: Any, depth: int) -> Any:
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._reach(event, depth + 1)
        kind = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if event.tag not in (None, "!", _TAG + kind):
            self._refuse(event, f"the tag {shortened(event.tag)} is not allowed")
        return self._mapping(event, depth + 1) if kind == "map" else self._sequence(event, depth + 1)

    def _alias(self, event: Any, depth: int) -> Any:
        if event.anchor not in self._anchors:
            self._refuse(event, f"not valid YAML: found undefined alias {shortened(event.anchor)!r}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._refuse(event, "an alias refers to a value that contains it")
        self._repeated += anchored.size
        self._count(event, anchored.size)
        self._reach(event, depth + anchored.levels)
        return anchored.value

    def _mapping(self, start: Any, depth: int) -> LocatedDict:
        mapping = LocatedDict(start.start_mark.line + 1)
        self._keys.append("")  # a problem in a key has no key to name
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth)
            if not isinstance(key, str):
                self._refuse(event, f"key {shortened(repr(key))} is not text")
            if key in mapping:
                there = f"is given here and on line {mapping.lines[key]}; keep one"
                self._refuse(event, f"key {shortened(repr(key))} {there}")
            self._keys[-1] = key
            mapping[key] = self._value(next(self._events), depth)
            mapping.lines[key] = event.start_mark.line + 1
            self._keys[-1] = ""
        self._keys.pop()
        return mapping

    def _sequence(self, start: Any, depth: int) -> LocatedList:
        sequence = LocatedList(start.start_mark.line + 1)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.append(self._value(event, depth))
            sequence.lines.append(event.start_mark.line + 1)
        return sequence

    def _scalar(self, event: Any) -> Any:
        kind = event.tag.removeprefix(_TAG) if event.tag else None
        if kind not in (None, "!", *_SCALARS):
            self._refuse(event, f"the tag {shortened(event.tag)} is not allowed")
        try:
            if kind is None and event.implicit[0]:
                return scalars.plain(event.value)
            return event.value if kind in (None, "!") else scalars.tagged(event.value, kind)
        except scalars.Refused as error:
            key = f"{shortened(self._keys[-1])}: " if any(self._keys[-1:]) else ""
            self._refuse(event, f"{key}{error}")

    def _count(self, event: Any, more: int) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            followed = ", with every alias written out" if self._values - self._repeated <= MOST_VALUES else ""
            allowed = f"at most {MOST_VALUES:,} are allowed, which take up to 1 GiB of memory"
            self._refuse(event, f"too many values from the first line to here{followed}; {allowed}")

    def _reach(self, event: Any, depth: int) -> None:
        self._lowest = max(self._lowest, depth)
        if depth > DEEPEST:
            followed = ", by way of an alias" if isinstance(event, yaml.AliasEvent) else ""
            self._refuse(event, f"nested more than {DEEPEST} deep{followed}")

    def _refuse(self, event: Any, problem: str) -> NoReturn:
        raise SpecError([f"{self._file}:{event.start_mark.line + 1}: {problem}"])


def merged(base: LocatedDict, over: LocatedDict) -> LocatedDict:
    """`base` with the keys of `over` put in place of its own; the line numbers follow the values."""
    result = LocatedDict(over.line)
    result.update(base)
    result.lines.update(base.lines)
    for key, value in over.items():
        below = base.get(key)
        # A source or an activation is replaced as a whole: merging two would give a third that nobody wrote.
        deep = isinstance(value, LocatedDict) and isinstance(below, LocatedDict) and key in MERGED_KEYS
        result[key] = merged(below, value) if deep else value  # type: ignore[arg-type]
        result.lines[key] = over.lines[key]
    return result


MERGED_KEYS = frozenset({"weights", "tolerance", "exempt"})
"""The keys whose mappings are merged key by key; every other value replaces the one below it."""


def line_of(value: Any, path: tuple[int | str, ...]) -> tuple[int, str]:
    """The line and the written path (`weights.W`) of the deepest part of `path` that is in the file."""
    line, written = getattr(value, "line", 1), []
    for part in path:
        if isinstance(value, LocatedDict) and part in value:
            line = value.lines[str(part)]
        elif isinstance(value, LocatedList) and isinstance(part, int) and part < len(value):
            line = value.lines[part]
        else:
            continue  # a step that only the model has (a member of a union)
        written.append(shortened(str(part), 40))
        value = value[part]
    return line, ".".join(written)
