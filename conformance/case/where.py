"""Where a wrong answer is wrong: which layers, directions, rows, steps, units, columns and gates, as data and in words.

It is found by conformance.verdict.locate from the numbers alone, before any mistake is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["all", "first", "last", "one", "from", "range", "every", "even", "odd", "all but", "some"]


@dataclass(frozen=True)
class Pattern:
    """Which indices of an axis are wrong, by the shortest description that fits.

    kind: `all`; `first`, `last` or `one` other; `from` an index to the end; a `range` that ends before; `every` k-th,
    of which `even` and `odd` are those for k = 2; `all but` one; or `some`, without a rule.
    of: the size of the axis. first, last: the lowest and highest wrong index. count: how many are wrong.
    every: the distance between wrong indices, where that is the rule. moduli: the widths w for which the wrong indices
    are those beyond the last multiple of w: what a loop over whole vectors or tiles leaves over.
    indices: the wrong ones of `some`, at most the first six; the right one of `all but`.
    """

    kind: Kind
    of: int
    first: int
    last: int
    count: int
    every: int = 1
    moduli: tuple[int, ...] = ()
    indices: tuple[int, ...] = ()

    @property
    def wrong(self) -> list[int] | None:
        """The wrong indices; None if there are too many without a rule to be listed."""
        if self.kind == "some":
            return list(self.indices) if self.count == len(self.indices) else None
        return [
            n for n in range(self.first, self.last + 1, self.every) if self.kind != "all but" or n not in self.indices
        ]

    def words(self, noun: str) -> str:
        """In words, for example `units 12 to 14 of 15 (the tail beyond a multiple of 4)`.

        Args:
            noun: what an index of the axis is, in the singular.
        """
        note = f" (the tail beyond a multiple of {_listed(self.moduli, 'or')})" if self.moduli else ""
        many = _plural(noun)
        match self.kind:
            case "all":
                return f"every {noun}"
            case "first" | "last":
                return f"the {self.kind} {noun} of {self.of}{note}"
            case "one":
                return f"{noun} {self.first} of {self.of}"
            case "from":
                if self.moduli:
                    return f"{many} {self.first} to {self.last} of {self.of}{note}"
                return f"{many} from {self.first} on, of {self.of}"
            case "range":
                return f"{many} {self.first} to {self.last} of {self.of}"
            case "even" | "odd":
                return f"the {self.kind} {many} of {self.of}"
            case "every":
                return f"every {_ordinal(self.every)} {noun} from {self.first} on, of {self.of}"
            case "all but":
                return f"every {noun} but {noun.partition(' of ')[0]} {self.indices[0]}"
            case "some":
                if self.count > len(self.indices):
                    return f"{self.count} of {self.of} {many}, among them {_listed(self.indices)}"
                return f"{many} {_listed(self.indices)} of {self.of}"


Stage = Literal["step", "left out", "final states", "head", "gradients"]


@dataclass(frozen=True)
class Where:
    """Where an answer is first wrong, and how, as far as its outputs tell.

    stage: the part of the computation. `step`: the steps of a layer, each given its own previous state; `left out`: y
    at steps that a row leaves out; `final states`: h_n and c_n as returned, where y is right; `head`; `gradients`.
    tensors: the wrong outputs of that stage.
    axes: the pattern of the wrong indices by what an index is (`layer`, `direction`, `unit`, `row`, `step`, ...). An
    axis that the outputs do not tell is left out. `scan step` is a step counted in the order in which a scan takes it.
    later: whether the steps after the first wrong ones can be judged; if not, `step` has only the first of each row.
    notes: what else the wrong elements have in common, and what they hold, in words.
    """

    stage: Stage
    tensors: tuple[str, ...]
    axes: Mapping[str, Pattern] = field(default_factory=dict)
    later: bool = True
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """In one line: the axes with more than one index, then the notes."""
        stage = {"step": "", "left out": "only steps that rows leave out", "gradients": "only the gradients "}
        start = stage.get(self.stage, "only ") + ("" if self.stage in ("step", "left out") else _listed(self.tensors))
        axes = (self._axis(noun, pattern) for noun, pattern in self.axes.items() if pattern.of > 1)
        line = ", ".join(part for part in (start, *axes) if part) or "the only element"
        return "; ".join([line, *self.notes])

    @property
    def confined(self) -> bool:
        """Whether the error is confined to some indices in a way that no option, weight or state explains."""
        parts = {noun: pattern.kind for noun, pattern in self.axes.items()}
        some = any(parts.get(noun, "all") != "all" for noun in ("unit", "column of h", "class"))
        return some or any(parts.get(noun) in ("every", "even", "odd") for noun in ("row", "step", "scan step"))

    def as_data(self) -> dict[str, Any]:
        """Ready for JSON, with the words."""
        return {**asdict(self), "words": self.words()}

    def _axis(self, noun: str, pattern: Pattern) -> str:
        if noun == "layer":
            below = " (the final states below are right)" if pattern.first and self.stage == "step" else ""
            return f"layer {_listed(pattern.wrong or ())} of {pattern.of}{below}"
        if names := _NAMES.get(noun):
            wrong = [names[index] for index in pattern.wrong or ()]
            return f"every {noun}" if pattern.kind == "all" else f"only {noun} {_listed(wrong)}"
        if noun.endswith("step") and not self.later:
            return f"first at {noun} {pattern.first}" if pattern.count == 1 else f"first at {pattern.words(noun)}"
        preposition = {"row": "in ", "step": "at ", "scan step": "at "}.get(noun, "")
        return preposition + pattern.words(noun)


_NAMES = {"direction": ("forward", "reverse"), "gate": ("i", "f", "g", "o")}


def _plural(noun: str) -> str:
    first, of, rest = noun.partition(" of ")
    return f"{first}{'es' if first.endswith('s') else 's'}{of}{rest}"


def _listed(items: Sequence[object], conjunction: str = "and") -> str:
    *others, last = map(str, items)
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
