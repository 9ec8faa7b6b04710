"""The third word of a sampled mistake: where it is made. `units-tail-16` is the units past the last multiple of 16."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array

AXES = {"steps": "T", "rows": "B", "units": "H", "columns": "I", "classes": "O"}
"""The axes that a locality can name, and the letter of each in the axes of an operation."""
PLACES = ("layer", "direction", "gate", "calls", "blocks")
"""Localities that are not part of an axis of a size of its own."""
GATES = "ifgo"

_BORDERS = (8, 16, 32, 64, 128)
_TAILS = (4, 8, 16, 32)
_PARTS: dict[str, tuple[str, ...]] = {
    "steps": (
        *("first", "last"),
        *(f"every-{k}" for k in (2, 4, 8, 16)),
        *(f"from-{k}" for k in (8, 16, 32, 64)),
    ),
    "rows": (*(f"from-{k}" for k in _BORDERS), *(f"tail-{k}" for k in _TAILS)),
    "units": (*(f"from-{k}" for k in (*_BORDERS, 256, 512)), *(f"tail-{k}" for k in (*_TAILS, 64, 128))),
    "columns": (*(f"from-{k}" for k in (*_BORDERS, 256, 512)), *(f"tail-{k}" for k in (*_TAILS, 64, 128))),
    "classes": (*(f"from-{k}" for k in _BORDERS), *(f"tail-{k}" for k in _TAILS)),
    "layer": ("first", "upper", "last"),
    "direction": ("forward", "reverse"),
    "gate": tuple(GATES),
    "calls": ("later",),
    "blocks": ("later",),
}

_WORDS = {
    "layer": {"first": "in the first layer", "upper": "in the upper layers", "last": "in the last layer"},
    "direction": {"forward": "in the forward direction", "reverse": "in the reverse direction"},
    "gate": {
        "i": "in the input gate",
        "f": "in the forget gate",
        "g": "in the cell candidate",
        "o": "in the output gate",
    },
    "calls": {"later": "from the second call on"},
    "blocks": {"later": "from the second block on"},
    "steps": {"first": "at the first step", "last": "at the last step"},
}


@dataclass(frozen=True)
class Locality:
    """Where a mistake is made: all over, or in a part of one axis. axis: a key of `AXES` or one of `PLACES`."""

    axis: str = "all"
    part: str = ""

    @property
    def word(self) -> str:
        """As in the id of a mistake."""
        return f"{self.axis}-{self.part}" if self.part else self.axis

    @property
    def phrase(self) -> str:
        """In words, in front of nothing else or of a condition; empty for all over."""
        if not self.part:
            return ""
        if self.part in _WORDS.get(self.axis, {}):
            return _WORDS[self.axis][self.part]
        kind, _, k = self.part.partition("-")
        if kind == "every":
            return f"at every {k}th step" if k != "2" else "at every other step"
        if kind == "from":
            return f"in the {self.axis} from {k} on"
        return f"in the {self.axis} past the last multiple of {k}"

    def sizes(self) -> dict[str, int]:
        """The sizes a case needs to show it, by the letter of the axis."""
        if self.axis not in AXES:
            return {}
        kind, _, text = self.part.partition("-")
        if not text:
            return {}
        k = int(text)
        # A few elements past the border; of a tail, as many as fit while that is cheap.
        size = {"from": k + 3, "every": 2 * k + 1, "tail": 2 * k - 1 if k <= 32 else k + 5}[kind]
        return {AXES[self.axis]: size}

    def among(self, size: int) -> Array:
        """Which of the indices 0 .. size - 1 of its axis are part of it: bool (size,)."""
        at = np.arange(size)
        kind, _, text = self.part.partition("-")
        if kind == "first":
            return np.asarray(at == 0)
        if kind == "last":
            return np.asarray(at == size - 1)
        k = int(text)
        if kind == "from":
            return np.asarray(at >= k)
        return np.asarray(at % k == k - 1 if kind == "every" else at >= size // k * k)

    def in_parts(self, sizes: Iterable[int]) -> Array:
        """`among` for an axis that is handed over in several parts of these sizes."""
        return np.concatenate([np.zeros(0, bool), *(self.among(size) for size in sizes)])

    def possible(self, case: Case, sizes: Mapping[str, Sequence[int]]) -> bool:
        """Whether a case has such a part at all. Cheap; true if in doubt.

        Args:
            sizes: of each axis of the operation, the sizes that it has in the case (Site.sizes).
        """
        match self.axis:
            case "all" | "gate":
                return True
            case "layer":
                return case.layers > 1 or self.part != "upper"
            case "direction":
                return any(case.reverse(d) == (self.part == "reverse") for d in range(case.D))
            case "calls":
                return case.calls is not None and len(case.calls) > 1
            case "blocks":
                return case.blocks is not None and len(case.blocks) > 1
        return self.within(sizes[self.axis])

    def within(self, sizes: Iterable[int]) -> bool:
        """Whether an axis of one of these sizes has such a part."""
        return any(self.among(size).any() for size in sizes)


def localities(axes: str) -> dict[str, list[Locality]]:
    """The localities of an operation with these axes (letters of `AXES`, K: gates, L: layers, D: directions)."""
    kinds = [name for name, letter in AXES.items() if letter in axes]
    kinds += [name for name, letter in zip(PLACES, "LDKBT", strict=True) if letter in axes]
    return {kind: [Locality(kind, part) for part in _PARTS[kind]] for kind in kinds}


def locality(word: str) -> Locality:
    """The locality of a word.

    Raises:
        KeyError: there is none.
    """
    axis, _, part = word.partition("-")
    if word != "all" and part not in _PARTS.get(axis, ()):
        raise KeyError(word)
    return Locality(axis, part)
