"""The conditions that cases may share: which options, words and sizes each case has, as one matrix of booleans.

Options come from the table of options and tensors from the table of tensors, so that a new row of these tables is a
new condition here. What a case has besides is written down in `_traits`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from conformance.case.model import Case
from conformance.case.option_table import OPTIONS
from conformance.case.options import Activations, Poison
from conformance.case.tensor_table import INPUTS, LAYER_WEIGHTS

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Floats = np.ndarray[Any, np.dtype[np.float64]]

_DETAIL, _ABSENCE, _SIZE, _EXACT_SIZE, _FAMILY = 0.5, 1.0, 2.0, 3.0, 6.0
"""How much less likely such a condition is to be the cause than that a case has an option at all, in bits."""
_DIVISORS = (2, 4, 8, 16, 32)
"""Widths of vector registers and tiles, in elements."""
_PLAIN_ACTIVATIONS = [getattr(Activations(), position).name for position in Activations.model_fields]


@dataclass(frozen=True)
class Condition:
    """What a case has or lacks.

    text: to be read after "have". key: the key of a case or the option that it is about. penalty: how unlikely it is to
    be a cause, in bits; 0 for an option that a case has. bound: on which side it bounds a size, if it does.
    """

    text: str
    key: str
    penalty: float = 0.0
    bound: Literal["at least", "at most", ""] = ""


@dataclass(frozen=True)
class Table:
    """Cases by conditions.

    holds: (conditions, cases), where each condition holds. sizes: (cases,) by name, NaN where a case does not have that
    size.
    """

    conditions: tuple[Condition, ...]
    holds: Bools
    sizes: Mapping[str, Floats]

    def of(self, cases: Sequence[int]) -> Table:
        """The table of some of the cases, with the conditions that tell them apart.

        None holds for all of them or for none; of several that hold for the same ones, the likeliest cause is there.
        """
        holds = self.holds[:, cases]
        rows: dict[bytes, int] = {}
        for row in np.flatnonzero(holds.any(axis=1) & ~holds.all(axis=1)).tolist():
            rows.setdefault(holds[row].tobytes(), row)
        chosen = list(rows.values())
        sizes = {name: of[cases] for name, of in self.sizes.items()}
        return Table(tuple(self.conditions[row] for row in chosen), holds[chosen], sizes)


class CaseConditions:
    """The conditions of cases, worked out when they are first asked for."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._places: dict[str, int] = {}
        self._cases: list[Case] = []
        for case in cases:
            self._places[case.id] = len(self._cases)
            self._cases.append(case)

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._places

    def table(self, ids: Sequence[str]) -> Table | None:
        """The table of the cases with these ids, in their order; None if one of them is not there."""
        if any(case_id not in self._places for case_id in ids):
            return None
        return self.every.of([self._places[case_id] for case_id in ids])

    def having(self, ids: Sequence[str], texts: Collection[str]) -> Bools:
        """(cases,), which of the cases with these ids have all the conditions that these texts name; all are there."""
        rows = [row for row, condition in enumerate(self.every.conditions) if condition.text in texts]
        return np.asarray(self.every.holds[np.ix_(rows, [self._places[case_id] for case_id in ids])].all(axis=0))

    def options(self, ids: Sequence[str]) -> Iterator[tuple[str, Bools]]:
        """Each option, tensor, dtype and direction that one of these cases has, and (cases,), which of them have it."""
        if not ids:
            return
        places = [self._places[case_id] for case_id in ids]
        for condition, holds in zip(self.every.conditions, self.every.holds, strict=True):
            if not condition.penalty and holds[places].any():
                yield condition.text, holds[places]

    @cached_property
    def every(self) -> Table:
        """The table of all cases, with all conditions, even if several hold for the same cases."""
        sizes = {name: np.array(of, np.float64) for name, of in _sizes(self._cases).items()}
        found = [*_having(self._cases), *_bounds(sizes)]
        found.sort(key=lambda item: item[0].penalty)  # stable: otherwise in the order in which they are defined
        return Table(tuple(condition for condition, _ in found), np.array([holds for _, holds in found]), sizes)


class _Trait(NamedTuple):
    """Something that a case has. absent: what a case without it has, "" if that is not worth saying."""

    text: str
    absent: str
    key: str
    penalty: float = 0.0


def options_of(case: Case) -> frozenset[str]:
    """The options that a case has, in words; no sizes, and nothing that it lacks."""
    return frozenset(trait.text for trait in _traits(case) if trait.penalty == 0)


def _having(cases: Sequence[Case]) -> Iterator[tuple[Condition, Bools]]:
    places: dict[_Trait, list[int]] = {}
    for n, case in enumerate(cases):
        for trait in set(_traits(case)):
            places.setdefault(trait, []).append(n)
    for trait in sorted(places):
        holds = np.zeros(len(cases), np.bool_)
        holds[places[trait]] = True
        yield Condition(trait.text, trait.key, trait.penalty), holds
        if trait.absent:
            yield Condition(trait.absent, trait.key, trait.penalty + _ABSENCE), ~holds


def _traits(case: Case) -> Iterator[_Trait]:
    for name, option in OPTIONS.items():
        used = option.used(case)
        if used in (None, False):
            continue
        yield _plain(name)
        if option.words:
            yield _detail(f"{name} {used}", name)
    for name, tensor in INPUTS.items():
        if tensor.present(case):
            yield _detail(name, "gradients") if tensor.cotangent else _plain(name)
    if case.bias:
        yield _plain("bias")
    for key in ("direction", "dtype"):
        word = getattr(case, key)
        yield _Trait(f"{key} {word}", f"a {key} other than {word}", key)
    yield from _activation_traits(case)
    yield from _mask_traits(case)
    if case.blocks is not None and 1 in case.blocks:
        yield _detail("a block of one step", "blocks")
    if case.calls is not None:
        yield _plain("calls")
    if case.head is not None:
        yield _detail(f"head after {case.head.after}", "head")
    if case.poison is not None:
        yield _plain("poison")
        yield from _poison_traits(case.poison)
    yield _Trait(f"the family {case.family}", "", "family", _FAMILY)


def _plain(key: str) -> _Trait:
    return _Trait(key, f"no {key}", key)


def _detail(text: str, key: str) -> _Trait:
    return _Trait(text, f"no {text.removeprefix('a ').removeprefix('an ')}", key, _DETAIL)


def _poison_traits(poison: Poison) -> Iterator[_Trait]:
    key = "poison"
    name = poison.tensor.partition(".")[0]
    yield _detail(f"poison in {name}", key)
    yield _detail(f"poison of value {poison.value:g}", key)
    if name in LAYER_WEIGHTS and (gates := LAYER_WEIGHTS[name].gates):
        yield _detail(f"poison in gate {gates[poison.at[0]]}", key)


def _activation_traits(case: Case) -> Iterator[_Trait]:
    key = "activations"
    names = [[getattr(each, position).name for position in Activations.model_fields] for each in case.activations]
    if any(each != _PLAIN_ACTIVATIONS for each in names):
        plain = ", ".join(_PLAIN_ACTIVATIONS)
        yield _Trait(f"activations other than {plain}", f"the activations {plain}", key)
    for each in names:
        for position, name in zip(Activations.model_fields, each, strict=True):
            yield _Trait(f"{position} activation {name}", f"a {position} activation other than {name}", key, _DETAIL)
    if len(set(map(str, case.activations))) > 1:
        yield _detail("different activations for each direction", key)
    every = [getattr(each, position) for each in case.activations for position in Activations.model_fields]
    alphas = [activation.alpha for activation in every if activation.alpha is not None]
    if any(alpha < 0 for alpha in alphas):
        yield _detail("an alpha below 0", key)
    if any(alpha > 1 for alpha in alphas):
        yield _detail("an alpha above 1", key)
    for framework in {activation.defaults for activation in every} - {None}:
        yield _detail(f"activation parameters by default of {framework}", key)


def _mask_traits(case: Case) -> Iterator[_Trait]:
    """What lengths and holes leave out; all under one key, for one of these is rarely there without the others."""
    key = "lengths"
    if not case.masked:
        return
    yield _plain("lengths or holes")._replace(key=key)
    if not math.isfinite(case.padding):
        yield _detail(f"padding of value {case.padding:g}", key)
    if not all(case.valid_steps(row) for row in range(case.B)):
        yield _detail("a row without a valid step", key)
    if case.lengths is None:
        return
    yield _plain(key)
    for length in (0, 1):
        if length in case.lengths:
            yield _detail(f"a length of {length}", key)
    short = min(case.lengths, default=0) < case.T
    yield _detail("a length below T" if short else "lengths of T only", key)
    if list(case.lengths) != sorted(case.lengths, reverse=True):
        yield _Trait("lengths that do not descend", "", key, _DETAIL)


def _sizes(cases: Sequence[Case]) -> dict[str, list[int | None]]:
    each = [(c.T, c.B, c.I, c.H, c.P, c.head.O if c.head else None, c.layers) for c in cases]
    return {name: [sizes[n] for sizes in each] for n, name in enumerate("TBIHPOL")}


def _bounds(sizes: Mapping[str, Floats]) -> Iterator[tuple[Condition, Bools]]:
    """Bounds at the sizes that occur, the closest first: of several that fit, that is the one which is known."""
    for name, of in sizes.items():
        values = np.unique(of[~np.isnan(of)]).astype(int).tolist()
        penalty = _ABSENCE if name == "L" else _SIZE  # a stack is more than a size
        for value in reversed(values):
            yield Condition(f"{name} of at least {value}", name, penalty, "at least"), of >= value
        for value in values:
            yield Condition(f"{name} of at most {value}", name, penalty, "at most"), of <= value
            yield Condition(f"{name} of {value}", name, _EXACT_SIZE), of == value
        for divisor in _DIVISORS if name != "L" else ():
            rest = of % divisor  # NaN where there is no such size
            yield Condition(f"{name} not divisible by {divisor}", name, _EXACT_SIZE), rest > 0
            yield Condition(f"{name} divisible by {divisor}", name, _EXACT_SIZE), rest == 0
