"""Checks that the keys of a case fit together; each problem is one line for the user."""

from __future__ import annotations

import math
from typing import Any

from conformance.case.fields import Fields
from conformance.case.source import Source
from conformance.case.tensor_table import LAYER_WEIGHTS
from conformance.case.text import shortened

MEMORY_BOUND = 2 * 2**30
"""The most bytes the arrays of one case may take together; a larger case is refused when its spec is read."""


def problems_of(case: Fields) -> list[str]:
    """Every problem of a case whose keys are each valid on their own."""
    inputs, weights = case.input_shapes, case.weight_shapes
    parts = (_length_problems, _call_problems, _option_problems, _loss_problems)
    return [
        *_size_problems(case, [*weights.values(), *inputs.values(), *case.outputs.values()]),
        *(problem for part in parts for problem in part(case)),
        *_source_problems(case, inputs, weights),
    ]


def _size_problems(case: Fields, shapes: list[tuple[int, ...]]) -> list[str]:
    # Besides the tensors themselves: the four gates and two states of every step, all in float64.
    steps = case.T * case.B * case.layers * case.D * (4 * case.H + 2 * case.H)
    size = 8 * (sum(math.prod(shape) for shape in shapes) + steps)
    if size > MEMORY_BOUND:
        return [f"these sizes need {size / 2**30:.3g} GiB; at most {MEMORY_BOUND / 2**30:g} GiB are allowed"]
    return []


def _length_problems(case: Fields) -> list[str]:
    """Lengths and holes: which steps of a row count, and how the framework is told."""
    problems = []
    if case.lengths is not None:
        if len(case.lengths) != case.B:
            problems.append(f"lengths has {len(case.lengths)} numbers for B={case.B} rows")
        if any(not 0 <= length <= case.T for length in case.lengths):
            problems.append(f"lengths must lie between 0 and T={case.T}")
    if case.skip is not None:
        if len(case.skip) != case.B:
            problems.append(f"skip has {len(case.skip)} lists of steps for B={case.B} rows")
        if any(list(steps) != sorted({t for t in steps if 0 <= t < case.T}) for steps in case.skip):
            problems.append(f"skip: each row's steps must ascend and lie between 0 and T-1={case.T - 1}")
    if case.lengths_via is not None and not case.masked:
        problems.append("lengths_via says how lengths or skip are handed over: give one of the two")
    if case.lengths_via is not None and case.lengths_via.startswith("packed") and case.skip is not None:
        problems.append("a packed sequence has no holes: lengths_via packed cannot be combined with skip")
    if case.lengths_via == "upstream" and not math.isfinite(case.padding):
        problems.append("lengths_via upstream marks padding by its value, which must be finite")
    return problems


def _call_problems(case: Fields) -> list[str]:
    """Blocks, calls, and a head after the last step: how steps and rows are divided."""
    problems = []
    if case.blocks is not None:
        if sum(case.blocks) != case.T or min(case.blocks, default=0) < 1:
            problems.append(f"blocks must be positive and add up to T={case.T}")
        if case.direction != "forward":
            problems.append("blocks (a stream) needs direction forward: a reverse scan begins in the last block")
        if case.skip is not None:
            problems.append("blocks (a stream) cannot be combined with skip; if some rows end early, give lengths")
        if case.calls is not None:
            problems.append("blocks divide the steps and calls divide the rows: give one of the two")
    if case.calls is not None and (sum(case.calls) != case.B or min(case.calls, default=0) < 1):
        problems.append(f"calls must be positive and add up to B={case.B}")
    last_step_only = case.head is not None and case.head.after == "last_step"
    if last_step_only and (case.direction != "forward" or case.masked):
        problems.append("head after last_step needs direction forward and cannot be combined with lengths or skip")
    return problems


def _option_problems(case: Fields) -> list[str]:
    """Combinations that have no defined meaning, or in which an option would have no effect."""
    problems = []
    if len(case.activations) not in (1, case.D):
        problems.append(f"activations: give one set, or one for each of the {case.D} directions")
    activations = [a for each in case.activations for a in (each.gate, each.cell, each.hidden)]
    if len({a.defaults for a in activations if a.alpha is not None}) > 1:
        problems.append("activations: either give the parameters of all activations, or leave all out with defaults")
    for option in ("projection_bias", "projection_clip"):
        if getattr(case, option) not in (None, False) and case.P is None:
            problems.append(f"{option} needs a projection: set P")
    if case.output_peephole == "previous-cell" and not case.peephole:
        problems.append("output_peephole says which cell a peephole sees: set peephole")
    if case.coupling == "forget=1-input" and case.forget_bias:
        problems.append("forget_bias has no effect where the forget gate is 1 - i")
    problems += _layer_norm_problems(case)
    if case.poison is not None:
        shape = (case.weight_shapes | case.input_shapes).get(case.poison.tensor)
        if shape is None:
            names = ", ".join([*case.input_shapes, *case.weight_shapes])
            wanted = shortened(repr(case.poison.tensor))
            problems.append(f"poison: the case has no tensor {wanted}; it has {names}")
        elif len(case.poison.at) != len(shape) or any(
            not 0 <= i < n for i, n in zip(case.poison.at, shape, strict=True)
        ):
            at = shortened(str(list(case.poison.at)))
            problems.append(f"poison: {at} is not an index of {case.poison.tensor} of shape {shape}")
    return problems


def _layer_norm_problems(case: Fields) -> list[str]:
    if case.layer_norm is None:
        return []
    used = {
        "gate_clip": case.gate_clip is not None,
        "peephole": case.peephole,
        "cell_clip": case.cell_clip is not None,
        "coupling": case.coupling is not None,
        "P": case.P is not None,
        "bias": case.bias,
    }
    # NNAPI's cell has everything but a gate clip; LayerNormBasicLSTMCell has nothing besides its forget bias.
    refused = ["gate_clip"] if case.layer_norm == "nnapi" else list(used)
    found = [name for name in refused if used[name]]
    return [f"layer_norm {case.layer_norm} has no {', '.join(found)}"] if found else []


def _loss_problems(case: Fields) -> list[str]:
    """Softmax, cross-entropy and gradients: combinations whose value is undefined or ambiguous."""
    problems = []
    head, gradients = case.head, case.gradients is not None
    if case.cross_entropy:
        problems += _target_problems(case)
    elif case.targets is not None:
        problems.append("targets are for a head with cross_entropy")
    if gradients and head is not None and not head.cross_entropy:
        problems.append("gradients through a head need its cross_entropy: set it, or leave the head out")
    if gradients and not case.cross_entropy and case.dy is case.dh_n is case.dc_n is None:
        problems.append("gradients need a loss: give cross_entropy, or one of dy, dh_n and dc_n")
    if case.gradients == "truncated" and case.blocks is None:
        problems.append("gradients: truncated needs blocks, at whose borders the gradients are cut off")
    if case.has_loss:
        if case.calls is not None:
            problems.append("calls divide the rows; a loss and its gradients need all rows together")
        if case.B == 0 or any(not case.valid_steps(row) for row in range(case.B)):
            problems.append("a loss and its gradients need a valid step in every row")
    if case.poison is not None and (case.has_loss or (head is not None and head.softmax)):
        problems.append("poison cannot be combined with softmax, cross_entropy or gradients")
    return problems


def _target_problems(case: Fields) -> list[str]:
    assert case.head is not None
    problems = ["cross_entropy over one class is always 0: O must be at least 2"] if case.head.O == 1 else []
    source = case.targets
    if source is None:
        return problems
    if source.integers is not None:
        numbers: list[Any] = [source.integers.low, source.integers.high]
    elif source.values is not None:
        numbers = _flat(source.values)
        if (shape := _nested_shape(source.values)) != case.targets_shape:
            problems.append(f"targets: values {_described(shape)} where {case.targets_shape} is needed")
    else:
        return [*problems, "targets: the source of classes must be values or integers"]
    if any(not isinstance(n, int) or not 0 <= n < case.head.O for n in numbers):
        problems.append(f"targets must be whole numbers from 0 to O-1={case.head.O - 1}")
    return problems


def _flat(values: Any) -> list[Any]:
    return [leaf for value in values for leaf in _flat(value)] if isinstance(values, list) else [values]


def _source_problems(
    case: Fields, inputs: dict[str, tuple[int, ...]], weight_shapes: dict[str, tuple[int, ...]]
) -> list[str]:
    problems = []
    shapes: dict[str, list[tuple[int, ...]]] = {}  # of a weight in every layer and direction
    for name, shape in (inputs | weight_shapes).items():
        shapes.setdefault(name.partition(".")[0], []).append(shape)
    for field, wanted in shapes.items():
        is_input = field in inputs
        source: Source = getattr(case if is_input else case.weights, field)
        if source.values is not None and (problem := _values_problem(case, field, source.values, wanted)):
            problems.append(problem)
        if source.torch is not None:
            if case.torch_seed is None:
                problems.append(f"{field}: a torch source needs torch_seed")
            if (source.torch == "default") == is_input:
                problems.append(f"{field}: torch: default is for weights; rand and randn are for x, h0 and c0")
        if source.keras is not None and is_input:
            problems.append(f"{field}: keras: initialisers are for weights")
        if source.keras == "unit_forget_bias" and field not in ("b_w", "b_r"):
            problems.append(f"{field}: keras: unit_forget_bias is for b_w and b_r")
    weights = case.weights
    kinds = {weights.W.torch, weights.R.torch} | ({weights.b_w.torch, weights.b_r.torch} if case.bias else set())
    if "default" in kinds and kinds != {"default"}:
        problems.append("torch: default draws W, R, b_w and b_r together; give it for all of them")
    if case.head is not None and (weights.W_y.torch is None) != (weights.b_y.torch is None):
        problems.append("torch: default draws W_y and b_y together; give it for both")
    return sorted(set(problems))


def _values_problem(case: Fields, field: str, values: list[Any], wanted: list[tuple[int, ...]]) -> str | None:
    """What is wrong with the values of a tensor. wanted: its shape; of a weight, one for each layer and direction."""
    entries = [_nested_shape(value) for value in values]
    if field not in LAYER_WEIGHTS:
        whole = _stacked(entries)
        return None if whole == wanted[0] else f"{field}: values {_described(whole)} where {wanted[0]} is needed"
    if entries == wanted or (len(set(wanted)) == 1 and _stacked(entries) == wanted[0]):
        return None
    if len(set(wanted)) == 1:
        needed = f"{wanted[0]} is needed, or {len(wanted)} of that shape, one for each layer and direction"
        return f"{field}: values {_described(_stacked(entries))} where {needed}"
    if len(entries) != len(wanted):
        needed = f"{len(wanted)} are needed, one for each layer and direction, because their shapes differ"
        return f"{field}: {len(entries)} entries in values where {needed}"
    row = next(n for n, entry in enumerate(entries) if entry != wanted[n])
    where = f"values of layer {row // case.D}" + (f", direction {row % case.D}" if case.D == 2 else "")
    return f"{field}: {where} {_described(entries[row])} where {wanted[row]} is needed"


_Shape = tuple[int, ...] | str
"""The shape of nested lists of numbers, or what is wrong with them."""


def _nested_shape(values: Any) -> _Shape:
    if not isinstance(values, list):
        is_number = isinstance(values, (int, float)) and not isinstance(values, bool)
        return () if is_number else f"that hold {shortened(repr(values))}, which is not a number,"
    if all(type(value) is float for value in values):  # nearly every list of a large tensor
        return (len(values),) if values else _RAGGED
    return _stacked([_nested_shape(value) for value in values])


def _stacked(entries: list[_Shape]) -> _Shape:
    """The shape of a list of things of these shapes."""
    kinds = set(entries)
    problem = next((kind for kind in entries if isinstance(kind, str)), None)
    if problem is not None or len(kinds) != 1:
        return problem or _RAGGED
    return (len(entries), *kinds.pop())


_RAGGED = "that are ragged or empty"


def _described(shape: _Shape) -> str:
    return shape if isinstance(shape, str) else f"of shape {shape}"
