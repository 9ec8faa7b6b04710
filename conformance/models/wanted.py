"""What a user asks of the cases that layers of a file become. Imports next to nothing, for a worker starts first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.case.tensors import Array

AXES = {"t": "T", "steps": "T", "time": "T", "b": "B", "batch": "B", "rows": "B"}
"""Words for the sizes of a case."""


@dataclass(frozen=True)
class Wanted:
    """What the user asks of the cases.

    sizes: of T or B (`AXES` has other words for them), or by the name that the file has for an open size. low, high:
    the range of x. inputs: canonical, for every layer; what is missing is drawn. prefix: only layers whose name begins
    so. options: keys of a case that a file of weights does not tell.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    low: float = -1.0
    high: float = 1.0
    seed: int = 1
    inputs: Mapping[str, Array] = field(default_factory=dict)
    prefix: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def size(self, axis: str, in_file: int | str | None = None, other: int | str | None = None) -> int | None:
        """The size that the user gives an axis, T or B.

        Args:
            in_file: the file's own size or name for it, which goes before our words.
            other: the same of the other axis, so its name means that one.
        """
        if isinstance(in_file, str) and in_file in self.sizes:
            return self.sizes[in_file]
        given = ((word, size) for word, size in self.sizes.items() if word != other)
        return next((size for word, size in given if AXES.get(word.lower()) == axis), None)
