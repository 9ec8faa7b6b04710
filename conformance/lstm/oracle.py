"""Answers for the truth: what a case computes, proven to the last bit of float64.

The independent witness. The equations (docs/equations.md, section 1) are evaluated in ball arithmetic: every
number is an interval that certainly holds the true value (python-flint `arb`; Johansson 2017, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic"). Where an output's interval is so small that all of
it rounds to one float64, that float64 is the correctly rounded true value, on every processor; until then
everything is computed again with twice the bits. The code is this module's own: of the package it knows the
vocabulary only.

A batch row is a list of its valid steps, so padding does not exist here; a stream cut into blocks is the
whole sequence, so `Case.blocks` is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx

from conformance.case.dtypes import DTypeName, numpy_dtype
from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays, LayerWeights
from conformance.lstm.rounding_proof import Undecided, hopeless, nearest

Vector = list[arb]
Balls = dict[str, Array]
"""Output tensors by name, in their final shapes; the elements are balls (dtype object)."""
Function = Callable[[arb], arb]

_FORMATS: tuple[DTypeName, ...] = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Proof:
    """Golden outputs (float64, shapes of `Case.outputs`), all correctly rounded; the bits it took."""

    outputs: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    bits: int


def prove(case: Case, arrays: Arrays, *, first_bits: int = 128, most_bits: int = 65536) -> Proof:
    """The outputs of a case for these weights and inputs, each the float64 nearest to the true value.

    y (T, B, D*P) is 0 past a row's length; h_n (L*D, B, P) and c_n (L*D, B, H) are the states after the last
    valid step that a row's scan meets; logits (T, B, O) or (B, O). Zeros are +0.0. Raises GenerationError for
    options that are not built, arrays that do not fit the case, values that are not finite or overflow, and
    where `most_bits` bits leave an element undecided (a true value halfway between two float64 that no finite
    computation gives exactly).
    """
    _refuse_unfit(case, arrays)
    bits = first_bits
    while True:
        try:
            balls = evaluate(case, arrays, bits)
            return Proof({name: _rounded(case, name, tensor) for name, tensor in balls.items()}, bits)
        except Undecided as reason:
            if 2 * bits > most_bits:
                raise GenerationError(f"{case.id}: not decided with {bits} bits: {reason}") from None
        bits *= 2


def evaluate(case: Case, arrays: Arrays, bits: int) -> Balls:
    """Balls that hold the true outputs, from one pass with `bits` working bits.

    Raises `Undecided` as soon as an element of y is so wide that it cannot be proven.
    """
    with ctx.workprec(bits):
        h_n, c_n = _state(case, "h0", arrays.inputs.h0), _state(case, "c0", arrays.inputs.c0)
        rows = _valid_steps(case, arrays.inputs.x)
        for layer in range(case.layers):
            scans = []
            for direction in range(case.D):
                row = layer * case.D + direction
                cell = _cell(case, row, arrays.weights.rows[row])
                reverse, watched = case.reverse(direction), layer == case.layers - 1
                scans.append(_scan(cell, rows, h_n[row], c_n[row], reverse=reverse, watched=watched))
            rows = scans[0] if case.D == 1 else _concatenated(scans[0], scans[1])
        y = _filled(case.outputs["y"], arb(0))
        for b, steps in enumerate(rows):
            for t, features in enumerate(steps):
                y[t, b, :] = features
        return {"y": y, "h_n": h_n, "c_n": c_n} | _head(case, arrays, y)


@dataclass(frozen=True)
class _Cell:
    """One layer in one direction.

    `joined` (I_l + 2 + P, 4H) is [W | b_w | b_r | R] transposed; without biases its middle rows are left out.
    """

    joined: arb_mat
    ones: Vector
    hidden_size: int
    forget_bias: arb
    S: Function
    G: Function
    Hh: Function


def _cell(case: Case, row: int, weights: LayerWeights) -> _Cell:
    shapes, H = case.weight_shapes, case.H
    names = ("W", "b_w", "b_r", "R") if case.bias else ("W", "R")
    parts = []
    for name in names:
        balls = _exact(case, f"{name}.{row}", getattr(weights, name), shapes[f"{name}.{row}"])
        parts.append(balls.reshape(4 * H, -1))
    joined = np.concatenate(parts, axis=1)
    activations = case.activations_of(row % case.D)
    return _Cell(
        joined=arb_mat(joined.T.tolist()),
        ones=[arb(1), arb(1)] if case.bias else [],
        hidden_size=H,
        forget_bias=arb(case.forget_bias),
        S=_activation(activations.gate),
        G=_activation(activations.cell),
        Hh=_activation(activations.hidden),
    )


def _scan(
    cell: _Cell, rows: list[list[Vector]], h: Array, c: Array, *, reverse: bool, watched: bool
) -> list[list[Vector]]:
    """The h of every valid step, `[batch row][step]`; h (B, P) and c (B, H) become the final states.

    A reverse scan starts at each row's own last valid step. Watched: give up once an h is hopelessly wide.
    """
    outputs: list[list[Vector]] = [[] for _ in rows]
    for n in range(max(map(len, rows))):
        active = [b for b, steps in enumerate(rows) if n < len(steps)]
        x = {b: rows[b][len(rows[b]) - 1 - n if reverse else n] for b in active}
        # z = W x + b_w + b_r + R h, as one product: a matrix row [x 1 1 h] for each active batch row.
        z = arb_mat([[*x[b], *cell.ones, *h[b]] for b in active]) * cell.joined
        for b, z_b in zip(active, z.tolist(), strict=True):
            h[b], c[b] = _step(cell, z_b, c[b])
            outputs[b].append(list(h[b]))
            if watched and any(map(hopeless, h[b])):
                raise Undecided(f"y of batch row {b} is lost after {n + 1} of {len(rows[b])} steps")
    return [steps[::-1] for steps in outputs] if reverse else outputs


def _step(cell: _Cell, z: Vector, c: Vector) -> tuple[Vector, Vector]:
    """A step of one batch row: the new h and c, from pre-activations z (4H: i, f, g, o) and the old c."""
    H = cell.hidden_size
    next_h, next_c = [], []
    for j in range(H):
        i = cell.S(z[j])
        f = cell.S(z[H + j] + cell.forget_bias)
        g = cell.G(z[2 * H + j])
        c_t = f * c[j] + i * g
        o = cell.S(z[3 * H + j])
        next_c.append(c_t)
        next_h.append(o * cell.Hh(c_t))
    return next_h, next_c


def _concatenated(forward: list[list[Vector]], reverse: list[list[Vector]]) -> list[list[Vector]]:
    """Both directions' h along the feature axis: y of this layer, and x of the next."""
    return [[[*f, *r] for f, r in zip(*both, strict=True)] for both in zip(forward, reverse, strict=True)]


def _head(case: Case, arrays: Arrays, y: Array) -> Balls:
    """Return logits = W_y y + b_y, from y of every step (in padding 0: logits are b_y) or of the last."""
    if case.head is None:
        return {}
    shapes, weights = case.weight_shapes, arrays.weights
    W_y = _exact(case, "W_y", weights.W_y, shapes["W_y"])
    b_y = _exact(case, "b_y", weights.b_y, shapes["b_y"])
    seen = y if case.head.after == "every_step" else y[-1]
    vectors = arb_mat([[*vector, arb(1)] for vector in seen.reshape(-1, y.shape[-1])])
    logits = vectors * arb_mat([[*column, bias] for column, bias in zip(W_y, b_y, strict=True)]).transpose()
    return {"logits": np.array(logits.tolist(), dtype=object).reshape(case.outputs["logits"])}


# Activations. Definitions: docs/equations.md, section 2 (those of the ONNX operator LSTM, where it has them).
# A ball across the border of two branches gets the union of both, which holds the true value and is wide.


def _activation(activation: Activation) -> Function:
    """The function on balls; alpha and beta are taken as the exact float64 numbers they are."""
    alpha, beta = arb(activation.alpha or 0.0), arb(activation.beta or 0.0)
    functions: dict[str, Function] = {
        "sigmoid": _sigmoid,
        "tanh": lambda x: x.tanh(),
        "relu": lambda x: x.max(0),
        "hard_sigmoid": lambda x: (alpha * x + beta).max(0).min(1),
        "affine": lambda x: alpha * x + beta,
        "leaky_relu": lambda x: _branch(x, 0, x, alpha * x),
        "thresholded_relu": lambda x: _branch(x, alpha, x, arb(0)),
        "scaled_tanh": lambda x: alpha * (beta * x).tanh(),
        # e^x - 1 only where its branch is possible: for large x it is infinite.
        "elu": lambda x: x if x >= 0 else _branch(x, 0, x, alpha * x.expm1()),
        "softsign": lambda x: x / (1 + abs(x)),
        "softplus": _softplus,
        "linear": lambda x: x,
    }
    return functions[activation.name]


def _branch(x: arb, border: Any, above: arb, below: arb) -> arb:
    """`above` where x >= border, `below` where x < border, the union of both where x may be either."""
    if x >= border:
        return above
    return below if x < border else above.union(below)


def _sigmoid(x: arb) -> arb:
    # Only e to a negative power is taken: e^1e300 is too large even for arb, e^-1e300 becomes 0 +- tiny.
    if x < 0:
        power = x.exp()
        return power / (1 + power)
    return 1 / (1 + (-x).exp())


def _softplus(x: arb) -> arb:
    return (-x).exp().log1p() + x if x > 0 else x.exp().log1p()


# Arrays in, arrays out.


def _refuse_unfit(case: Case, arrays: Arrays) -> None:
    """Raise GenerationError for what the oracle cannot compute, before any computation."""
    if missing := case.not_built():
        raise GenerationError(f"{case.id}: the oracle does not have these options yet: {', '.join(missing)}")
    given = None if arrays.inputs.lengths is None else tuple(arrays.inputs.lengths.tolist())
    if given != case.lengths:
        raise GenerationError(f"{case.id}: the case has lengths {case.lengths}, its arrays have {given}")
    if len(arrays.weights.rows) != case.layers * case.D:
        rows = len(arrays.weights.rows)
        raise GenerationError(f"{case.id}: weights for {rows} rows, not for {case.layers * case.D}")


def _valid_steps(case: Case, x: Array) -> list[list[Vector]]:
    """The steps of x as `[batch row][valid step]`; nothing past a row's length is read."""
    if x.shape != case.input_shapes["x"]:
        raise GenerationError(f"{case.id}: x is {x.shape}, not {case.input_shapes['x']}")
    lengths = [case.T] * case.B if case.lengths is None else case.lengths
    rows = [_exact(case, "x", x[:length, b], (length, case.I)) for b, length in enumerate(lengths)]
    return [[list(step) for step in row] for row in rows]


def _state(case: Case, name: str, given: Array | None) -> Array:
    """The states before the first step, h0 (L*D, B, P) or c0 (L*D, B, H); scans make them the final ones."""
    if (given is None) != (name not in case.input_shapes):
        raise GenerationError(f"{case.id}: {name} is in the case or in its arrays, and not in the other")
    if given is None:
        return _filled(case.outputs[f"{name[0]}_n"], arb(0))
    return _exact(case, name, given, case.input_shapes[name])


def _filled(shape: tuple[int, ...], ball: arb) -> Array:
    balls = np.empty(shape, dtype=object)
    balls.fill(ball)
    return balls


def _exact(case: Case, name: str, array: Array | None, shape: tuple[int, ...]) -> Array:
    """The array's numbers as exact balls; GenerationError if it is not a finite array of that shape."""
    if array is None or array.shape != shape:
        raise GenerationError(f"{case.id}: {name} is {None if array is None else array.shape}, not {shape}")
    if array.dtype not in [numpy_dtype(known) for known in _FORMATS]:
        raise GenerationError(f"{case.id}: {name} has dtype {array.dtype}, not one of {', '.join(_FORMATS)}")
    numbers = array.astype(np.float64)  # exact: float64 holds every number of the four formats
    if not np.isfinite(numbers).all():
        raise GenerationError(f"{case.id}: {name} holds NaN or infinity, which the oracle cannot take yet")
    balls = np.empty(numbers.size, dtype=object)
    balls[:] = [arb(number) for number in numbers.ravel().tolist()]
    return balls.reshape(shape)


def _rounded(case: Case, name: str, balls: Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The float64 that each ball is proven to round to; `Undecided`, with the element's place, if none is."""
    numbers = np.zeros(balls.shape, dtype=np.float64)
    for place, ball in np.ndenumerate(balls):
        try:
            numbers[place] = nearest(ball)
        except Undecided as reason:
            raise Undecided(f"{name}{list(place)}: {reason}") from None
        if np.isinf(numbers[place]):
            raise GenerationError(f"{case.id}: {name}{list(place)} is beyond the largest float64")
    return numbers
