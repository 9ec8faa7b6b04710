"""The fourth word of a sampled mistake: in which cases it is made. `only-with-lengths`, `only-without-lengths`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensor_table import WIDE, Keys

Sizes = dict[str, int]
"""T, B, I, H and O of a case that is being made."""


def ragged(n: Sizes) -> Keys:
    """A length for each row, unsorted: every other row ends early, the first among them."""
    return {"lengths": [n["T"] if b % 2 else max(n["T"] - 2, 1) for b in range(n["B"])]}


def _with_holes(n: Sizes) -> Keys:
    return {"skip": [[1 + b % 2] if n["T"] > 3 else [] for b in range(n["B"])]}


def _blocks(n: Sizes) -> Keys:
    third = max(n["T"] // 3, 1)
    return {"blocks": [third, third, n["T"] - 2 * third] if n["T"] > 2 else [1] * n["T"]}


def _calls(n: Sizes) -> Keys:
    first = max(n["B"] // 2, 1)
    return {"calls": [first, n["B"] - first]} if n["B"] > 1 else {"calls": [1]}


def _keys(**keys: Any) -> Callable[[Sizes], Keys]:
    return lambda n: keys


def _head(**keys: Any) -> Callable[[Sizes], Keys]:
    return lambda n: {"head": {"O": n["O"]} | keys}


@dataclass(frozen=True)
class Property:
    """Something that a case has or has not.

    phrase: after "with" or "without". opposite: in place of "without" and the phrase. holds: whether a case has it.
    keys: what gives it to a case. rare: no framework's code asks for its absence, so there is no `only-without`.
    """

    word: str
    phrase: str
    holds: Callable[[Case], bool]
    keys: Callable[[Sizes], Keys]
    rare: bool = False
    opposite: str = ""


def _has(name: str) -> Callable[[Case], bool]:
    return lambda case: getattr(case, name) not in (None, False, 0.0)


def _dtype(name: str) -> Property:
    return Property(name, name, lambda case: case.dtype == name, _keys(dtype=name), rare=True)


def _no_state(name: str) -> Property:
    return Property(
        *(f"no-{name}", f"no {name}", lambda case: getattr(case, name) is None, _keys(**{name: None})),
        opposite=f"with {name}",
    )


PROPERTIES: dict[str, Property] = {
    each.word: each
    for each in (
        Property("reverse", "direction reverse", lambda c: c.direction == "reverse", _keys(direction="reverse")),
        Property("bidirectional", "two directions", lambda c: c.D == 2, _keys(direction="bidirectional")),
        Property("stack", "several layers", lambda c: c.layers > 1, _keys(layers=2)),
        Property(
            "batch-major", "a batch-major layout", lambda c: c.layout == "batch_major", _keys(layout="batch_major")
        ),
        Property("no-bias", "no bias", lambda c: not c.bias, _keys(bias=False), opposite="with biases"),
        Property("forget-bias", "a forget bias", _has("forget_bias"), _keys(forget_bias=0.7)),
        Property("peephole", "peepholes", _has("peephole"), _keys(peephole=True)),
        Property("gate-clip", "a gate clip", _has("gate_clip"), _keys(gate_clip={"bound": 0.5, "reading": "gates"})),
        Property("cell-clip", "a cell clip", _has("cell_clip"), lambda n: WIDE | {"cell_clip": 0.75}),
        Property("projection", "a projection", _has("P"), lambda n: {"P": max(n["H"] // 2, 2)}),
        Property(
            *("projection-bias", "a projection bias", _has("projection_bias")),
            lambda n: {"P": max(n["H"] // 2, 2), "projection_bias": True},
        ),
        Property(
            *("projection-clip", "a projection clip", _has("projection_clip")),
            lambda n: {"P": max(n["H"] // 2, 2), "projection_clip": 0.125},
        ),
        Property("coupling", "coupled gates", _has("coupling"), _keys(coupling="input=1-forget")),
        Property("layer-norm", "a layer norm", _has("layer_norm"), _keys(layer_norm="nnapi")),
        Property(
            *("activations", "activations other than the usual ones"),
            lambda c: any(a != Activations() for a in c.activations),
            _keys(activations={"cell": "softsign", "hidden": "softsign"}),
        ),
        Property("lengths", "lengths", _has("lengths"), ragged),
        Property(
            *("full-lengths", "lengths that are all T"),
            lambda c: c.lengths is not None and set(c.lengths) == {c.T},
            lambda n: {"lengths": [n["T"]] * n["B"]},
            rare=True,
        ),
        Property(
            *("empty-rows", "a row of length 0"),
            lambda c: c.lengths is not None and 0 in c.lengths,
            lambda n: {"lengths": [0, *ragged(n)["lengths"][1:]]},
            rare=True,
        ),
        Property("holes", "holes in the mask", _has("skip"), _with_holes),
        Property("blocks", "several blocks", lambda c: c.blocks is not None and len(c.blocks) > 1, _blocks),
        Property("calls", "several calls", lambda c: c.calls is not None and len(c.calls) > 1, _calls),
        Property("head", "a head", _has("head"), _head()),
        Property("softmax", "a softmax", lambda c: c.head is not None and c.head.softmax, _head(softmax=True)),
        Property("cross-entropy", "a cross-entropy", _has("cross_entropy"), _head(cross_entropy=True)),
        Property("gradients", "gradients", _has("gradients"), _keys(gradients="whole")),
        Property(
            *("truncated", "truncated gradients", lambda c: c.gradients == "truncated"),
            lambda n: _blocks(n) | {"gradients": "truncated"},
            rare=True,
        ),
        _no_state("h0"),
        _no_state("c0"),
        Property(
            *("no-states", "no states", lambda c: c.h0 is None and c.c0 is None, _keys(h0=None, c0=None)),
            opposite="with a state",
        ),
        Property("one-row", "one row", lambda c: {*(c.calls or (c.B,))} == {1}, _keys(B=1)),
        Property("one-step", "one step", lambda c: {*(c.blocks or (c.T,))} == {1}, _keys(T=1)),
        *map(_dtype, ("float64", "float16", "bfloat16")),
    )
}
"""Every property, by its word."""


@dataclass(frozen=True)
class Condition:
    """When a mistake is made: always, or only in cases with or without a property."""

    having: str | None = None
    absent: bool = False

    @property
    def word(self) -> str:
        """As in the id of a mistake."""
        if self.having is None:
            return "always"
        return f"only-{'without' if self.absent else 'with'}-{self.having}"

    @property
    def phrase(self) -> str:
        """In words; empty for always."""
        if self.having is None:
            return ""
        found = PROPERTIES[self.having]
        return f"only {found.opposite or f'without {found.phrase}'}" if self.absent else f"only with {found.phrase}"

    def holds(self, case: Case) -> bool:
        """Whether the mistake is made in a case."""
        return self.having is None or PROPERTIES[self.having].holds(case) != self.absent

    def keys(self, sizes: Sizes) -> Keys:
        """What a case needs to have for it."""
        return {} if self.having is None or self.absent else PROPERTIES[self.having].keys(sizes)


CONDITIONS: dict[str, Condition] = {
    each.word: each
    for each in (
        Condition(),
        *(Condition(word) for word in PROPERTIES),
        *(Condition(word, absent=True) for word, each in PROPERTIES.items() if not each.rare),
    )
}
"""Every condition, by its word."""
