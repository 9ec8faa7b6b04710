"""What is wrong with capabilities: words that no case uses would let fewer cases run, without a word about it.

An adapter with such a fault is refused where it is made, a harness where its description is read; smoke tells them all.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from conformance.adapters.capabilities import ActivationSupport, Capabilities
from conformance.case.dtypes import DTypeName
from conformance.case.option_table import OPTIONS
from conformance.case.options import DEFAULTS, PARAMETERS, Activation, ActivationName, Direction
from conformance.case.text import shortened


def faults_of(capabilities: Capabilities) -> list[str]:
    """What is wrong with the words and numbers of capabilities, one line each."""
    found = []
    for field, allowed in _WORDS.items():
        found += set_faults(field, getattr(capabilities, field), allowed)
    for field in ("dtypes", "directions"):
        found += [f"{field} is empty: there is nothing to run"] if not getattr(capabilities, field) else []
    return found + _scalar_faults(capabilities) + _activation_faults(capabilities.activations)


_WORDS: dict[str, tuple[str, ...]] = {
    "dtypes": get_args(DTypeName),
    "directions": get_args(Direction),
    **{name: option.words for name, option in OPTIONS.items() if option.words},
}
"""The capabilities that are sets of words, with the allowed words: those that cases use."""
_LENGTHS = ("each", "common", "none")


def set_faults(field: str, given: Any, allowed: Sequence[str] | None) -> list[str]:
    """What is wrong with a set of words. allowed: None for any."""
    if not isinstance(given, (set, frozenset)):
        return [f"{field} is {given!r}; it must be a frozenset, like frozenset({{'...'}})"]
    return [
        unknown(field, word, allowed) for word in sorted(given, key=repr) if allowed is not None and word not in allowed
    ]


def unknown(field: str, word: object, allowed: Sequence[str]) -> str:
    """That a word is not among those allowed."""
    return f"{field} has {shortened(repr(word))}; {instead_of(word, allowed)}"


def instead_of(word: object, allowed: Sequence[str]) -> str:
    """Which words are allowed, and the one that may be meant."""
    written = {each.replace("_", "-"): each for each in allowed}
    near = difflib.get_close_matches(str(word).lower().replace("_", "-"), written, 1)
    return f"allowed: {', '.join(allowed)}" + (f"; did you mean {written[near[0]]!r}?" if near else "")


def _scalar_faults(capabilities: Capabilities) -> list[str]:
    found = []
    if capabilities.lengths not in _LENGTHS:
        found.append(f"lengths is {capabilities.lengths!r}; {instead_of(capabilities.lengths, _LENGTHS)}")
    for field in dataclasses.fields(Capabilities):
        value = getattr(capabilities, field.name)
        if isinstance(field.default, bool) and not isinstance(value, bool):
            found.append(f"{field.name} is {value!r}; it must be True or False")
    for name, least in (("max_layers", 1), ("max_steps", 1), ("min_length", 0)):
        value = getattr(capabilities, name)
        if not (isinstance(value, int) and value >= least) and not (value is None and name.startswith("max")):
            found.append(f"{name} is {value!r}; it must be a whole number of at least {least}")
    return found


def _activation_faults(support: Any) -> list[str]:
    if not isinstance(support, ActivationSupport):
        return [f"activations is {support!r}; it must be an ActivationSupport(...)"]
    found = set_faults("activations.defaults", support.defaults, tuple(DEFAULTS))
    known = get_args(ActivationName)
    for position in ("gate", "cell", "hidden"):
        accepted = getattr(support, position)
        where = f"activations.{position}"
        if not isinstance(accepted, Mapping):
            found.append(f"{where} is {accepted!r}; it must be any_of(...) or exactly(...)")
            continue
        if not accepted:
            found.append(f"{where} is empty; it must name the activations there")
        for name, pairs in accepted.items():
            if name not in known:
                found.append(unknown(where, name, known))
            elif pairs is not None:
                found += _pair_faults(where, name, pairs)
    return found


def _pair_faults(where: str, name: str, pairs: Any) -> list[str]:
    if not pairs:
        return [f"{where}: {name} is given no parameters; None (null in JSON) is for any, (None, None) for none"]
    found = []
    for pair in pairs:
        try:
            alpha, beta = pair
            Activation(name=name, alpha=alpha, beta=beta)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            takes = " and ".join(PARAMETERS.get(name, ())) or "no parameters"
            found.append(f"{where}: {name} with {pair!r}; it takes {takes}, as (alpha, beta), None for one it lacks")
    return found
