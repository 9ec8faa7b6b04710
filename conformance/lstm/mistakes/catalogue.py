"""Collects the mistakes of all modules of this package into one list."""

from __future__ import annotations

import difflib

from conformance.case.text import shortened
from conformance.lstm.mistakes import (
    activation_parameters,
    activations,
    approximation,
    calls,
    cell,
    clip,
    direction,
    gates,
    gradient_flow,
    gradients,
    layer_norm,
    lengths,
    loss,
    masks,
    non_finite,
    padding,
    peephole,
    precision,
    projection,
    shape,
    stack,
    state,
    stream,
    subnormals,
)
from conformance.lstm.mistakes.base import Axis, Mistake

AXES: tuple[Axis, ...] = (
    gates.gates,
    cell.cell,
    cell.bias,
    cell.forget_bias,
    activations.activations,
    activation_parameters.parameters,
    approximation.approximation,
    peephole.peephole,
    peephole.coupling,
    clip.clip,
    projection.projection,
    layer_norm.layer_norm,
    direction.direction,
    lengths.lengths,
    padding.padding,
    masks.masks,
    state.state,
    state.layout,
    stack.stack,
    stack.head,
    stream.stream,
    calls.calls,
    loss.loss,
    gradients.gradients,
    gradient_flow.flow,
    shape.shape,
    non_finite.non_finite,
    subnormals.subnormals,
    precision.precision,
)
"""The parts of the LSTM, in the order of docs/equations.md."""

CATALOGUE: tuple[Mistake, ...] = tuple(mistake for axis in AXES for mistake in axis)
BY_ID: dict[str, Mistake] = {mistake.id: mistake for mistake in CATALOGUE}


def unknown(mistake: str) -> str:
    """The message for an id that is not in the catalogue."""
    near = difflib.get_close_matches(mistake, BY_ID, 3, 0.5)
    hint = f"near it: {', '.join(near)}" if near else "they are listed by: conformance mistakes"
    return f"no mistake '{shortened(mistake)}' in the catalogue; {hint}"
