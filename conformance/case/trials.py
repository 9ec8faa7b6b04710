"""Pairs of cases with which `conformance smoke` tries an option: the answers must differ, or be the same.

The options, each with its trials, are in conformance.case.option_table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.case.tensor_table import WIDE, Keys

STREAM: Keys = {"T": 5, "direction": "forward"}
"""For options that need a sequence; an interface that takes one step at a time is not asked."""
NO_STATES: Keys = {"h0": None, "c0": None}
PADDED: Keys = {"T": 5, "padding": 2.0}
"""Not so large that it shuts every gate: a row that is not cut off has to make a difference."""
ENDING: Keys = PADDED | {"lengths": (3, 5, 4)}
"""Every row has a step in each of two blocks, for interfaces that do not accept a length of 0."""
FIRST_LONGEST: Keys = NO_STATES | PADDED | {"lengths": (5, 3, 2)}
"""In the order that packed sequences have."""


@dataclass(frozen=True)
class Trial:
    """A case with an option (`on`), and one without it or with another value of it (`off`).

    name: the check is `option/name`. about: what is tried, as a noun; "" for the option's name. expect: whether the
    answers must differ or be the same. remedy: what to hand over, or what to watch for; "" for the case's key.
    mistakes: those with the same effect, in addition to the option's own.
    """

    name: str
    on: Keys
    off: Keys
    about: str = ""
    expect: Literal["differ", "same"] = "differ"
    remedy: str = ""
    mistakes: tuple[str, ...] = ()


def numbers(name: str, one: float, other: float, base: Keys) -> tuple[Trial, ...]:
    """The trials of an option that is a number: giving it, and changing its value."""
    given = base | {name: one}
    return Trial("given", given, base), Trial("value", given, base | {name: other}, f"the value of {name}")


def clip(bound: float, reading: str) -> Keys:
    """A gate clip, with weights that reach it."""
    return WIDE | {"gate_clip": {"bound": bound, "reading": reading}}


def norm(kind: str) -> Keys:
    """A layer norm, which has biases of its own."""
    return {"bias": False, "layer_norm": kind}
