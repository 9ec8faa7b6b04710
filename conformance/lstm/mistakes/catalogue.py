"""Collects the mistakes of every module beside this one into the one list."""

from __future__ import annotations

from conformance.lstm.mistakes import (
    activation_parameters,
    activations,
    approximation,
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
    stream.calls,
    loss.loss,
    gradients.gradients,
    gradient_flow.flow,
    shape.shape,
    non_finite.non_finite,
    precision.precision,
)
"""The parts of the LSTM, in the order of docs/equations.md."""

CATALOGUE: tuple[Mistake, ...] = tuple(mistake for axis in AXES for mistake in axis)
BY_ID: dict[str, Mistake] = {mistake.id: mistake for mistake in CATALOGUE}
