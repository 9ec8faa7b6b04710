"""Which gate a wrong step comes from, if it comes from one gate alone.

Given h and c before a step, and x, its error is one number for each row and unit: r, of c, if the output gate is right,
or of h, if c is. At one place, any gate could make it: r is (i' - i) g, (f' - f) c_{t-1} or i (g' - g), or of h
(o' - o) Hh(c). Over many rows, steps and units, though, the values of what is wrong follow a simple rule, and those
that something else would have had do not. The rules, the simplest first:

    of its argument   the value is a combination of 1, z, S(z) and S(S(z)), the same everywhere; z is the right argument
    added to it       z' - z is the same in every row and step (a bias), or a combination of x, of h, or of both
    of all units      the value is a combination of the right values of all units

A rule counts if it has fewer coefficients than there are values, and fits them within what rounding leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.case.options import Activation
from conformance.case.tensors import Array
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference
from conformance.lstm.slopes import slope
from conformance.lstm.step import F, G, I, O, Scan, Step
from conformance.verdict.follow import INVERSES, MOST, Followed

_FITS, _DOES_NOT = 2.0, 8.0
"""A rule fits if no value is further from it than so many times its uncertainty. Beyond the second, it does not."""
_CERTAIN = 0.01
"""Values that are less certain than this part of the largest change are left out."""
_SPARE = 4
"""The fewest values beyond the coefficients of a rule that are a test of it."""
_VALUES, _UNITS = 2000, 16
"""The most values that are looked at, and the most units."""

_Value = Callable[[Step], Array]


def in_cell(
    reference: Reference, scan: Scan, allowed: Array, recovered: Followed, c_n: tuple[Array, Array]
) -> tuple[str, ...]:
    """The parts any one of which may alone make the wrong c; empty if no rule fits any.

    Args:
        reference: computes the right steps.
        scan: the layer's input and weights, in float64.
        allowed: (T, B, H), the largest error of y that counts as right.
        recovered: the steps along the answer, with c recovered.
        c_n: (B, H) each, the answer's final c and the largest error that counts as right. If the recovered c does not
            end there, o is wrong too.
    """
    case, act = reference.case, reference.activations(scan.direction)
    if case.coupling or case.layer_norm == "basic-lstm-cell" or case.cell_clip is not None:
        return ()  # two gates are one, or c is not f c_{t-1} + i g
    wrong, before = _Wrong(scan), np.zeros(recovered.c.shape)
    for t, step, after in _steps(reference, scan, recovered):
        carried, hh = np.abs(step.f) * before, reference.activation(act.hidden, after)
        of_c = np.abs(allowed[t] / (step.gates[O].value * slope(act.hidden, after, hh)))
        of_c = np.where(recovered.wrong[t], of_c, carried)
        wrong.add(t, step, recovered.wrong[t], after - step.new.c, of_c + carried)
        before = of_c if scan.valid is None else np.where(scan.valid[t][:, None], of_c, before)
    to_the_end = len(recovered.before) < MOST
    if to_the_end and (np.abs(recovered.c - c_n[0]) > _FITS * before + c_n[1]).any():
        return ()
    return _explaining(
        {
            "i": wrong.part(_gate(I), _gate(G), _argument(I), act.gate),
            "f": wrong.part(_gate(F), lambda step: step.old.c, _argument(F), act.gate),
            "g": wrong.part(_gate(G), _gate(I), _argument(G), act.cell),
            "c of the step before": wrong.part(lambda step: step.old.c, _gate(F), lambda step: step.old.c, None),
        }
    )


def in_output(reference: Reference, scan: Scan, y: Array, allowed: Array, carried: Followed) -> tuple[str, ...]:
    """The parts any one of which may alone make the wrong h of a right c; empty if no rule fits any.

    Args:
        reference: computes the right steps.
        scan: the layer's input and weights, in float64.
        y, allowed: (T, B, H), the answer's y and the largest error that counts as right.
        carried: the steps along the answer, with c carried from step to step.
    """
    wrong, act = _Wrong(scan), reference.activations(scan.direction)
    for t, step, _ in _steps(reference, scan, carried):
        wrong.add(t, step, carried.wrong[t], y[t] - step.new.h, allowed[t])
    shown = wrong.part(lambda step: step.hh, _gate(O), lambda step: step.shown, act.hidden, linear=False)
    return _explaining(
        {"o": wrong.part(_gate(O), lambda step: step.hh, _argument(O), act.gate), "the activation of c": shown}
    )


def _gate(gate: int) -> _Value:
    return lambda step: step.gates[gate].value


def _argument(gate: int) -> _Value:
    return lambda step: step.gates[gate].argument


def _steps(reference: Reference, scan: Scan, along: Followed) -> Iterator[tuple[int, Step, Array]]:
    """The right steps from the answer's states, from the first wrong one on: each with its time and the c after it."""
    act, from_input = reference.activations(scan.direction), reference.input_part(scan.x, scan.weights)
    order = list(along.before)
    start = next(n for n, t in enumerate(order) if along.wrong[t].any())
    for n, t in enumerate(order[start : start + MOST], start + 1):
        after = along.before[order[n]].c if n < len(order) else along.c
        yield t, reference.step(act, from_input[t], along.before[t], scan.weights), after


class _Wrong:
    """The wrong places of a scan: step, row and unit."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._added: list[tuple[Step, Array, Array, Array, Array, Array]] = []

    def add(self, t: int, step: Step, wrong: Array, off: Array, unsure: Array) -> None:
        """A right step, and where (B, H) the answer's is wrong, by how much, and how certain that is."""
        self._added.append((step, wrong, off, unsure, self._scan.x[t], step.old.h))

    @cached_property
    def _stacked(self) -> list[Array]:
        """wrong, off, unsure, x and h of all steps, (T, B, ...)."""
        return [np.stack(each) for each in list(zip(*self._added, strict=True))[1:]]

    @cached_property
    def _places(self) -> tuple[Array, Array, Array]:
        places = np.argwhere(self._stacked[0])
        some = np.isin(places[:, 2], np.unique(places[:, 2])[:_UNITS])
        step, row, unit = places[some][:_VALUES].T
        return step, row, unit

    def part(
        self, value: _Value, partner: _Value, argument: _Value, activation: Activation | None, *, linear: bool = True
    ) -> list[_Rule | None]:
        """The rules that a part of the step may follow, None for one that it cannot; no rule if it cannot be the cause.

        Args:
            value: its right value.
            partner: what the error is divided by to give what it has too much.
            argument: what it is computed from. activation: how; None if it is the argument.
            linear: whether the argument is a sum of products with x and h.
        """
        step, row, unit = self._places
        _, off, unsure, x, h = (each[step, row] for each in self._stacked)
        off, unsure = (np.take_along_axis(each, unit[:, None], 1)[:, 0] for each in (off, unsure))
        whole, other, z = (
            np.stack([of(each[0]) for each in self._added])[step, row] for of in (value, partner, argument)
        )
        at = np.arange(len(unit)), unit
        change = off / other[at]
        if not np.isfinite(change).all():  # where a partner is 0, the part has no effect
            return []
        wrong, within = whole[at] + change, unsure / np.abs(other[at])
        size, one = float(np.max(np.abs(change))), np.ones((len(unit), 1))
        z = z[at]
        every = _Rule(np.stack(_of(activation, z), axis=1), wrong, within, size, None, z)
        of_units = _Rule(np.hstack([one, whole]), wrong, within, size, unit, z)
        if activation is None or activation.name not in INVERSES or not linear:
            return [every, *[None] * 4, of_units]
        would = INVERSES[activation.name](wrong, activation.alpha or 0.0, activation.beta or 0.0)
        added, of_added = would - z, within / np.abs(slope(activation, would, wrong))
        if not np.isfinite(added).all():
            return [every, *[None] * 4, of_units]
        size = float(np.max(np.abs(added)))
        combined = ([one], [one, x], [one, h], [one, x, h])
        return [every, *(_Rule(np.hstack(of), added, of_added, size, unit, z) for of in combined), of_units]


def _of(activation: Activation | None, z: Array) -> list[Array]:
    """What a value computed from an argument is taken to be a combination of."""
    if activation is None:
        return [np.ones_like(z), z]
    function, parameters = FUNCTIONS[activation.name], (activation.alpha or 0.0, activation.beta or 0.0)
    once = function(z, *parameters)
    return [np.ones_like(z), z, once, function(once, *parameters)]


@dataclass(frozen=True, eq=False)
class _Rule:
    """That values (n,), of these uncertainties, are a combination of features (n, p), in each unit another.

    size: the largest change of a value. units: of each value; None if the combination is the same everywhere.
    argument (n,): of each value; those with the same one are the same value again, as where all weights are equal.
    """

    features: Array
    values: Array
    unsure: Array
    size: float
    units: Array | None
    argument: Array

    @cached_property
    def worst(self) -> float | None:
        """The largest distance of a value from the rule, in uncertainties; None if the values do not test it."""
        certain, worst = self.unsure < _CERTAIN * self.size, 0.0
        spare = len(np.unique(self.argument[certain].astype(np.float32)))
        for unit in [None] if self.units is None else np.unique(self.units):
            some = certain if unit is None else certain & (self.units == unit)
            if not some.any():
                continue
            weight = 1.0 / np.maximum(self.unsure[some], np.finfo(np.float64).tiny)
            features, values = self.features[some] * weight[:, None], self.values[some] * weight
            if not (np.isfinite(features).all() and np.isfinite(values).all()):
                return None
            largest = np.max(np.abs(features), axis=0)
            features = features / np.where(largest > 0.0, largest, 1.0)
            try:
                found, _, rank, _ = np.linalg.lstsq(features, values, rcond=1e-10)
            except np.linalg.LinAlgError:
                return None
            spare -= int(rank)
            worst = max(worst, float(np.max(np.abs(features @ found - values))))
            if worst > _DOES_NOT:
                return worst
        return worst if spare >= _SPARE else None


def in_words(parts: Sequence[str]) -> str:
    """The statement that any one of some parts may alone be wrong."""
    *others, last = [f"gate {part}" if len(part) == 1 else part for part in parts]
    if not others:
        return f"as if {last} alone were wrong"
    return f"as if {', '.join(others)} or {last} alone were wrong, which cannot be told apart here"


def _explaining(parts: Mapping[str, list[_Rule | None]]) -> tuple[str, ...]:
    """The parts that the simplest rule that fits one of them does not rule out; empty if it rules none out."""
    possible = {name: rules for name, rules in parts.items() if rules}
    for n in range(max(map(len, possible.values()), default=0)):
        left = {name: rule.worst for name, rules in possible.items() if (rule := rules[n]) is not None}
        if any(worst is not None and worst <= _FITS for worst in left.values()):
            found = tuple(name for name, worst in left.items() if worst is None or worst <= _DOES_NOT)
            return found if len(found) < len(parts) else ()
    return ()
