"""A case in words, for the page: its sizes, options and shapes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.case.model import Case
from conformance.case.text import shortened

_SIZES = ("T", "B", "I", "H", "P", "layers")
_SAID_ELSEWHERE = {"id", "description", "source", "origin", "dtype", "tolerance", "exempt", *_SIZES}
_LONGEST = 300
"""Characters of an option's value that the page shows; the rest is cut off."""


def case_in_words(case: Case) -> dict[str, Any]:
    """A case in words: sizes, options that differ from a plain LSTM's, shapes.

    Returns:
        texts by their name, none of them empty; `options` is a mapping of texts by the key of the case.
    """
    fields = case.model_dump(mode="json", exclude_defaults=True)
    sizes = {name: fields[name] for name in _SIZES if name in fields}
    options = {name: _short(value) for name, value in fields.items() if name not in _SAID_ELSEWHERE}
    if "activations" in options:
        options["activations"] = " / ".join(map(str, case.activations))
    terms = case.tolerance.terms(case.dtype)
    said = {
        "description": case.description,
        "source": case.source,
        "origin": str(case.origin or ""),
        "sizes": ", ".join(f"{name} {size}" for name, size in sizes.items()),
        "options": options,
        "tolerance": ", ".join(f"{name} {value:g}" for name, value in terms.items()),
        "inputs": _shapes(case.input_shapes),
        "weights": _shapes(case.weight_shapes),
        "outputs": _shapes(case.outputs),
    }
    return {name: value for name, value in said.items() if value}


def _short(value: Any) -> str:
    if value is None:
        return "none"
    value = _from_file(value)
    return shortened(value if isinstance(value, str) else json.dumps(value).replace('"', ""), _LONGEST)


def _from_file(value: Any) -> Any:
    """Sources without the digests of files, and tensors that are all in one file together."""
    if not isinstance(value, dict):
        return value
    told = {key: _from_file(each) for key, each in value.items() if key != "sha256" or "file" not in value}
    first = next(iter(told.values()), None)
    one_file = isinstance(first, dict) and "file" in first and all(each == first for each in told.values())
    return first if one_file else told


def _shapes(shapes: Mapping[str, Sequence[int]]) -> str:
    """`x (5, 3, 4)`; a tensor that each layer and direction has in the same shape is listed once."""

    def kind(item: tuple[str, Sequence[int]]) -> tuple[str, Sequence[int]]:
        return item[0].partition(".")[0], item[1]

    in_groups = itertools.groupby(sorted(shapes.items(), key=lambda item: _rank(item[0], list(shapes))), key=kind)
    words = []
    for (name, shape), items in in_groups:
        rows = [full.partition(".")[2] for full, _ in items]
        shown = f"{name}.{rows[0]}" if rows[0] else name
        shown += f" to .{rows[-1]}" if len(rows) > 1 else ""
        words.append(f"{shown} ({', '.join(map(str, shape))})")
    return ", ".join(words)


def _rank(name: str, names: list[str]) -> tuple[int, int]:
    """A sort key that keeps all rows of one kind of tensor together, the kinds in their order."""
    first = next(n for n, other in enumerate(names) if other.partition(".")[0] == name.partition(".")[0])
    return first, names.index(name)
