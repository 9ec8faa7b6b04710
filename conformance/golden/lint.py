"""Lint of vectors: refuses numbers and sizes that hide mistakes, unless the spec says why they are wanted.

Each rule is a way in which a published test was found to hide a real bug: with constant weights any order of the gates
passes, zero states hide peepholes, equal sizes hide a transposition. A case that needs one of these says so:

    exempt: {zero-states: absent states are the case}
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from conformance.case.model import Case
from conformance.case.tensor_table import LAYER_WEIGHTS
from conformance.case.tensors import Array, Arrays, LayerWeights
from conformance.case.text import shortened

SMALLEST_POISON = 1e3
"""The smallest magnitude of padding at which a step that is wrongly read shows in the result."""


def findings(case: Case, arrays: Arrays) -> dict[str, str]:
    """What each rule finds in a case: rule -> a clause. Rules that find nothing are left out."""
    found = {rule: next(check(case, arrays), None) for rule, check in RULES.items()}
    return {rule: text for rule, text in found.items() if text is not None}


def problems(case: Case, found: dict[str, str]) -> list[str]:
    """One line for each finding that the case is not exempt from, and for each exemption that names no rule."""
    lines = [f"{case.origin}: {case.id}: {rule}: {text}" for rule, text in found.items() if rule not in case.exempt]
    if lines:
        lines[-1] += (
            "; if that is wanted, say why in exempt: {" + next(r for r in found if r not in case.exempt) + ": ...}"
        )
    unknown = [rule for rule in case.exempt if rule not in RULES]
    return lines + [
        f"{case.origin}: exempt: no rule {shortened(repr(rule))}; allowed: {', '.join(RULES)}" for rule in unknown
    ]


def stale(cases: Sequence[Case], found: Mapping[str, Collection[str]]) -> list[str]:
    """One line for each exemption that no case of its file needs any more; `found`: case id -> rules with a finding."""
    given: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if case.origin is not None and case.id in found:
            for rule in case.exempt:
                given.setdefault((case.origin.file, rule), []).append(case)
    return [
        f"{exempted[0].origin}: exempt: {rule}: no case of this file needs it; remove it"
        for (_, rule), exempted in given.items()
        if not any(rule in found[case.id] for case in exempted)
    ]


_WEIGHTS = tuple(name for name, tensor in LAYER_WEIGHTS.items() if tensor.kind == "weight")
_BIASES = tuple(name for name, tensor in LAYER_WEIGHTS.items() if tensor.kind == "bias")
_GATED = tuple(name for name, tensor in LAYER_WEIGHTS.items() if tensor.gates)


def _constant(array: Array | None) -> bool:
    return array is not None and array.size > 1 and bool(np.all(array == array.flat[0]))


def _constant_weights(case: Case, arrays: Arrays) -> Iterator[str]:
    for row, weights in enumerate(arrays.weights.rows):
        for name in _WEIGHTS:
            if _constant(getattr(weights, name)):
                yield f"every number of {name}.{row} is the same"


def _equal_gates(case: Case, arrays: Arrays) -> Iterator[str]:
    for row, weights in enumerate(arrays.weights.rows):
        for name in _GATED:
            array: Array | None = getattr(weights, name)
            # Constant weights and zero biases have their own rules.
            if array is None or not array.any() or (name in _WEIGHTS and _constant(array)):
                continue
            for a, b in itertools.combinations(range(len(array)), 2):
                if np.array_equal(array[a], array[b]):
                    yield f"gates {a} and {b} of {name}.{row} are the same"


def _zero_biases(case: Case, arrays: Arrays) -> Iterator[str]:
    for row, weights in enumerate(arrays.weights.rows):
        for name in _BIASES:
            array: Array | None = getattr(weights, name)
            if array is not None and not array.any():
                yield f"{name}.{row} is zero"


def _zero_states(case: Case, arrays: Arrays) -> Iterator[str]:
    for name in ("h0", "c0"):
        state: Array | None = getattr(arrays.inputs, name)
        if state is None:
            yield f"{name} is absent, which is zero"
        elif state.size and not np.all(state.any(axis=-1)):
            yield f"a row of {name} is zero"


def _equal_directions(case: Case, arrays: Arrays) -> Iterator[str]:
    rows = arrays.weights.rows
    for layer in range(case.layers if case.D == 2 else 0):
        for name in LAYER_WEIGHTS:
            if _same(rows[2 * layer], rows[2 * layer + 1], name):
                yield f"both directions of layer {layer} have the same {name}"


def _equal_layers(case: Case, arrays: Arrays) -> Iterator[str]:
    rows = arrays.weights.rows[:: case.D]
    for (a, first), (b, second) in itertools.combinations(enumerate(rows), 2):
        for name in LAYER_WEIGHTS:
            if _same(first, second, name):
                yield f"layers {a} and {b} have the same {name}"


def _coinciding_sizes(case: Case, arrays: Arrays) -> Iterator[str]:
    sizes = {"T": case.T, "B": case.B, "I": case.I, "H": case.H, "D": case.D, "L": case.layers}
    if case.P is not None:
        sizes["P"] = case.P
    for a, b in itertools.combinations(sizes, 2):
        if sizes[a] == sizes[b] > 1:  # sizes of 1 often coincide, in every case about one of something
            yield f"{a} and {b} are both {sizes[a]}"


def _harmless_padding(case: Case, arrays: Arrays) -> Iterator[str]:
    pads = any(len(case.valid_steps(row)) < case.T for row in range(case.B))
    if pads and math.isfinite(case.padding) and abs(case.padding) < SMALLEST_POISON:
        yield f"padding of {case.padding:g} could be read unnoticed; use {SMALLEST_POISON:g} or more, or .nan"


def _sorted_lengths(case: Case, arrays: Arrays) -> Iterator[str]:
    lengths = list(case.lengths or ())
    if len(lengths) > 2 and sorted(lengths) in (lengths, lengths[::-1]):
        yield f"lengths {shortened(str(lengths))} are sorted, which an interface may require without saying so"


RULES: dict[str, Callable[[Case, Arrays], Iterator[str]]] = {
    "constant-weights": _constant_weights,
    "equal-gates": _equal_gates,
    "zero-biases": _zero_biases,
    "zero-states": _zero_states,
    "equal-directions": _equal_directions,
    "equal-layers": _equal_layers,
    "coinciding-sizes": _coinciding_sizes,
    "harmless-padding": _harmless_padding,
    "sorted-lengths": _sorted_lengths,
}
"""Each rule yields one clause per finding."""


def _same(a: LayerWeights, b: LayerWeights, name: str) -> bool:
    first: Array | None = getattr(a, name)
    second: Array | None = getattr(b, name)
    return first is not None and second is not None and bool(first.any()) and np.array_equal(first, second)
