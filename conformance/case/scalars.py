"""Reads plain YAML scalars where YAML 1.1 and YAML 1.2 agree, and refuses them where they do not.

`010` is ten in YAML 1.2 and eight in YAML 1.1, which PyYAML and many other readers follow; `1:30` is text or ninety,
`no` text or false. A scalar that readers understand differently specifies nothing, so it is refused, with both meanings
and with what to write instead. The exception is a number as JSON and most programs write it, `1e-6`: it is text in YAML
1.1, which nobody means. It is read as that number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import yaml

from conformance.case.text import shortened

# Numbers in both versions, and in JSON. Nearly every scalar of a large spec is one, so these are tried first.
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)").fullmatch
_FRACTIONAL = re.compile(
    r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?|[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][-+]?[0-9]+"
).fullmatch

# The core schema of YAML 1.2.2, section 10.3.2.
_NULL = re.compile(r"|~|null|Null|NULL").fullmatch
_BOOLEAN = re.compile(r"(true|True|TRUE)|false|False|FALSE").fullmatch
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?").fullmatch
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)").fullmatch
_NAN = re.compile(r"\.(?:nan|NaN|NAN)").fullmatch

NAN: Final = math.copysign(math.nan, -1.0)
"""The value of `.nan`, with the sign that it has in stored vectors. PyYAML divides infinities to make one, and the sign
of the result depends on the processor."""
_LONGEST_INTEGER = 80
"""Characters in the longest notation of a 64-bit number: binary, with underscores."""


class Refused(Exception):
    """A scalar that is ambiguous, or a number that does not fit; the text is a sentence for the user."""


class _Named:
    """The meaning of a scalar that is neither a number, nor a boolean, nor null, nor text."""

    def __init__(self, name: str) -> None:
        self.name = name


_TOO_LARGE: Final = _Named("a number of more than 64 bits")
_KINDS = {"merge": _Named("a merge key"), "value": _Named("a default key"), "timestamp": _Named("a date")}
_PYYAML = yaml.constructor.SafeConstructor()


def plain(text: str) -> Any:
    """The value of a scalar without quotes and tag: null, a boolean, a number, or text.

    Raises:
        Refused: YAML 1.1 and YAML 1.2 read it differently, or it is a number too large for 64 bits.
    """
    if _FRACTIONAL(text):
        return _finite(text, float(text))
    if _WHOLE(text) and len(text) < 19:
        return int(text)
    return _agreed(text)


@lru_cache(maxsize=1000)
def _agreed(text: str) -> Any:
    """`plain` for everything but plain numbers. Cached: a spec repeats the same few words."""
    new, old = _yaml_1_2(text), _yaml_1_1(text)
    if not _same(new, old):
        raise Refused(
            f"{shortened(text, 40)} is {_described(old)} in YAML 1.1 and {_described(new)} in YAML 1.2: "
            f"write {_remedy(text, old, new)}"
        )
    if new is _TOO_LARGE:
        raise Refused(f"{shortened(text, 40)} does not fit into 64 bits")
    return _finite(text, new)


def tagged(text: str, kind: str) -> Any:
    """The value of a scalar with the tag `!!int`, `!!float`, `!!bool`, `!!null` or `!!str`.

    Raises:
        Refused: it is not of that kind, or `plain` refuses it.
    """
    if kind == "str":
        return text
    value = plain(text)
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value) is not {"int": int, "float": float, "bool": bool, "null": type(None)}[kind]:
        raise Refused(f"{shortened(text, 40)!r} is not a valid {kind}")
    return value


def _yaml_1_2(text: str) -> Any:
    if _NULL(text):
        return None
    if truth := _BOOLEAN(text):
        return truth[1] is not None
    if _INTEGER(text):
        octal_or_hexadecimal = text[1:2] in ("o", "x")
        return _whole(lambda: int(text, 0) if octal_or_hexadecimal else int(text), text)
    if _FLOAT(text):
        return float(text)
    if infinity := _INFINITY(text):
        return float(f"{infinity[1]}inf")
    return NAN if _NAN(text) else text


def _yaml_1_1(text: str) -> Any:
    """The value that PyYAML reads."""
    rules = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], [])
    kind = next((tag for tag, pattern in rules if pattern.match(text)), "text").rpartition(":")[2]
    node = yaml.ScalarNode(kind, text)
    if kind == "int":
        return _whole(lambda: _PYYAML.construct_yaml_int(node), text)
    if kind == "float":
        return _PYYAML.construct_yaml_float(node)
    if kind == "bool":
        return _PYYAML.construct_yaml_bool(node)
    return {"null": None, "text": text}.get(kind, _KINDS.get(kind))


def _whole(read: Callable[[], Any], text: str) -> Any:
    """A whole number, unless it has more than 64 bits or more digits than Python converts."""
    if len(text) > _LONGEST_INTEGER:
        return _TOO_LARGE
    value = read()
    return value if -(2**63) <= value < 2**64 else _TOO_LARGE


def _finite(text: str, value: Any) -> Any:
    """The value, unless it is an infinity that results from rounding a number."""
    if isinstance(value, float) and math.isinf(value) and text[-1:].isdigit():
        raise Refused(f"{shortened(text, 40)} is larger than any number of 64 bits; infinity is written .inf")
    return value


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b)))


def _described(value: Any) -> str:
    if isinstance(value, _Named):
        return value.name
    if isinstance(value, str):
        return "text"
    return _written(value) if value is None or isinstance(value, bool) else f"the number {_written(value)}"


def _written(value: Any) -> str:
    """A value, written so that every reader agrees on it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _remedy(text: str, *values: Any) -> str:
    if values[0] is _KINDS["merge"]:
        return "out the keys where they are needed"
    ways = [_written(v) for v in values if not isinstance(v, (str, _Named))]
    if any(isinstance(value, str) for value in values):
        quoted = shortened(text, 40).replace("'", "''")
        ways.append(f"'{quoted}' in quotes")
    return " or ".join(ways)
