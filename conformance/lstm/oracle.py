"""Answers for the truth: what a case computes, proven to the last bit of float64.

The independent witness. The equations (docs/equations.md, section 1) are evaluated in ball arithmetic: every
number is an interval that certainly holds the true value (python-flint `arb`; Johansson 2017, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic"). Where an output's interval is so small that all of
it rounds to one float64, that float64 is the correctly rounded true value, on every processor; until then
everything is computed again with twice the bits. The code is this module's own: of the package it knows the
vocabulary only.

A batch row is a list of its valid steps, so padding and holes do not exist here; a stream cut into blocks is
the whole sequence and rows are alone anyway, so `Case.blocks` and `Case.calls` are not looked at.

NaN and infinities exist only where a case poisons an element. They then go through balls as they go through IEEE
754 arithmetic: inf - inf and 0 * inf are NaN, sigmoid and tanh have their limits at the infinities.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
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
Evaluation = Callable[[Case, Arrays, int], Balls]
"""Balls that hold the true values, from one pass with so many working bits; or `Undecided`."""

_EPSILON = {"basic-lstm-cell": Fraction(1, 10**12), "nnapi": Fraction(1, 10**8)}
_FORMATS: tuple[DTypeName, ...] = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Proof:
    """Golden outputs (float64, shapes of `Case.outputs`), all correctly rounded; the bits it took."""

    outputs: dict[str, np.ndarray[Any, np.dtype[np.float64]]]
    bits: int


def prove(case: Case, arrays: Arrays, *, first_bits: int = 128, most_bits: int = 65536) -> Proof:
    """The outputs of a case for these weights and inputs, each the float64 nearest to the true value.

    y (T, B, D*P) is 0 at the steps a row leaves out; h_n (L*D, B, P) and c_n (L*D, B, H) are the states after the last
    valid step that a row's scan meets; logits (T, B, O) or (B, O). Zeros are +0.0. Raises GenerationError for
    options that are not built, arrays that do not fit the case, values that are not finite or overflow, and
    where `most_bits` bits leave an element undecided (a true value halfway between two float64 that no finite
    computation gives exactly). The gradients, if any, are oracle_gradients' to prove.
    """
    _refuse_unfit(case, arrays)
    return proven(case, arrays, evaluate, first_bits=first_bits, most_bits=most_bits)


def proven(case: Case, arrays: Arrays, evaluated: Evaluation, *, first_bits: int, most_bits: int) -> Proof:
    """What an evaluation gives, with as many bits as it takes to round it."""
    bits = first_bits
    while True:
        try:
            balls = evaluated(case, arrays, bits)
            return Proof({name: _rounded(case, name, tensor) for name, tensor in balls.items()}, bits)
        except Undecided as reason:
            if 2 * bits > most_bits:
                raise GenerationError(f"{case.id}: not decided with {bits} bits: {reason}") from None
        bits *= 2


def evaluate(case: Case, arrays: Arrays, bits: int) -> Balls:
    """Balls that hold the true outputs, from one pass with `bits` working bits.

    Raises `Undecided` as soon as a number is so wide that nothing can be proven with it.
    """
    with ctx.workprec(bits):
        h_n, c_n = _state(case, "h0", arrays.inputs.h0), _state(case, "c0", arrays.inputs.c0)
        rows = _valid_steps(case, arrays.inputs.x)
        for layer in range(case.layers):
            scans = []
            for direction in range(case.D):
                row = layer * case.D + direction
                cell = _cell(case, row, arrays.weights.rows[row])
                # A poisoned element's NaN is no loss of precision.
                reverse, watched = case.reverse(direction), layer == case.layers - 1 and case.poison is None
                scans.append(_scan(cell, rows, h_n[row], c_n[row], reverse=reverse, watched=watched))
            rows = scans[0] if case.D == 1 else _concatenated(scans[0], scans[1])
        y = _filled(case.outputs["y"], arb(0))
        for b, steps in enumerate(rows):
            for t, features in zip(case.valid_steps(b), steps, strict=True):
                y[t, b, :] = features
        return {"y": y, "h_n": h_n, "c_n": c_n} | _head(case, arrays, y)


@dataclass(frozen=True)
class _Cell:
    """One layer in one direction, every number an exact ball.

    `joined` (I_l + 2 + P, 4H) is [W | b_w | b_r | R] transposed; without biases, or with a layer norm, after which they
    are added, its middle rows are left out. `peephole` has a vector (H) for each of i, f, o, `gamma` and `beta` for
    each gate; in NNAPI's norm the biases' sum is beta.
    """

    case: Case
    joined: arb_mat
    ones: Vector
    peephole: list[Vector] | None
    gamma: list[Vector] | None
    beta: list[Vector] | None
    cell_norm: tuple[Vector, Vector] | None
    projection: arb_mat | None
    projection_bias: Vector | None
    S: Function
    G: Function
    Hh: Function


def _cell(case: Case, row: int, weights: LayerWeights) -> _Cell:
    H = case.H
    given = {
        name: exact(case, f"{name}.{row}", getattr(weights, name), case.weight_shapes[f"{name}.{row}"])
        for name in LayerWeights.__dataclass_fields__
        if f"{name}.{row}" in case.weight_shapes
    }
    bias_in_product = case.bias and case.layer_norm is None
    parts = [given[name].reshape(4 * H, -1) for name in ("W", *(("b_w", "b_r") if bias_in_product else ()), "R")]
    beta = given.get("beta")
    if case.layer_norm == "nnapi" and case.bias:
        beta = given["b_w"] + given["b_r"]
    activations = case.activations_of(row % case.D)
    return _Cell(
        case=case,
        joined=arb_mat(np.concatenate(parts, axis=1).T.tolist()),
        ones=[arb(1), arb(1)] if bias_in_product else [],
        peephole=given["peephole"].tolist() if case.peephole else None,
        gamma=given["gamma"].tolist() if case.layer_norm else None,
        beta=None if beta is None else beta.tolist(),
        cell_norm=(given["gamma_cell"].tolist(), given["beta_cell"].tolist()) if "gamma_cell" in given else None,
        projection=arb_mat(given["projection"].T.tolist()) if case.P is not None else None,
        projection_bias=given["projection_bias"].tolist() if case.projection_bias else None,
        S=activation_on_balls(activations.gate),
        G=activation_on_balls(activations.cell),
        Hh=activation_on_balls(activations.hidden),
    )


def _scan(
    cell: _Cell, rows: list[list[Vector]], h: Array, c: Array, *, reverse: bool, watched: bool
) -> list[list[Vector]]:
    """The h of every valid step, in the order of time; `h` (B, P) and `c` (B, H) become the final states.

    A reverse scan starts at each row's own last valid step. Watched: give up once an h is hopelessly wide.
    """
    outputs: list[list[Vector]] = [[] for _ in rows]
    for n in range(max(map(len, rows), default=0)):
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
    """A step of one batch row: the new h (P) and c (H), from W x + R h (4H: i, f, g, o) and the old c."""
    case, H = cell.case, cell.case.H
    z_i, z_f, z_g, z_o = (z[k * H : (k + 1) * H] for k in range(4))
    i = [cell.S(v) for v in _input_of_gate(cell, 0, z_i, c)]
    f = [cell.S(v) for v in _input_of_gate(cell, 1, z_f, c)]
    g = [cell.G(v) for v in _input_of_gate(cell, 2, z_g, c)]
    if case.coupling == "forget=1-input":
        f = [1 - v for v in i]
    elif case.coupling == "input=1-forget":
        i = [1 - v for v in f]
    new_c = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
    if cell.cell_norm is not None:
        gamma, beta = cell.cell_norm
        new_c = _norm(new_c, gamma, beta, _EPSILON["basic-lstm-cell"])
    if case.cell_clip is not None:
        new_c = _within(new_c, case.cell_clip)
    o = [cell.S(v) for v in _input_of_gate(cell, 3, z_o, new_c)]
    literal = case.gate_clip is not None and case.gate_clip.reading == "all"
    shown = _within(new_c, case.gate_clip.bound) if literal and case.gate_clip else new_c
    h = [o[j] * cell.Hh(shown[j]) for j in range(H)]
    return (h if cell.projection is None else _projected(cell, h)), new_c


def _input_of_gate(cell: _Cell, k: int, z: Vector, c: Vector) -> Vector:
    """The argument of a gate's activation, from its W x + R h; c is the state that its peephole looks at."""
    case = cell.case
    if cell.peephole is not None and k != 2:
        p = cell.peephole[min(k, 2)]
        z = [z[j] + p[j] * c[j] for j in range(case.H)]
    if case.layer_norm is not None and cell.gamma is not None:
        beta = [arb(0)] * case.H if cell.beta is None else cell.beta[k]
        z = _norm(z, cell.gamma[k], beta, _EPSILON[case.layer_norm])
    if k == 1:
        z = [v + arb(case.forget_bias) for v in z]
    return z if case.gate_clip is None else _within(z, case.gate_clip.bound)


def _norm(values: Vector, gamma: Vector, beta: Vector, epsilon: Fraction) -> Vector:
    """Layer norm over the H units: gamma (v - mean) / sqrt(variance + epsilon) + beta."""
    n = len(values)
    mean = sum(values, arb(0)) / n
    deviations = [v - mean for v in values]
    variance = sum((d * d for d in deviations), arb(0)) / n
    # A square is not negative, which a ball around 0 does not know of itself.
    scale = (variance.max(0) + arb(epsilon.numerator) / epsilon.denominator).sqrt()
    result = [g * d / scale + b for g, d, b in zip(gamma, deviations, beta, strict=True)]
    if all(v.is_finite() for v in (*values, *gamma, *beta)) and not all(v.is_finite() for v in result):
        raise Undecided("the numbers of a layer norm are lost")
    return result


def _projected(cell: _Cell, m: Vector) -> Vector:
    assert cell.projection is not None
    h: Vector = (arb_mat([m]) * cell.projection).tolist()[0]
    if cell.projection_bias is not None:
        h = [v + b for v, b in zip(h, cell.projection_bias, strict=True)]
    return h if cell.case.projection_clip is None else _within(h, cell.case.projection_clip)


def _within(values: Vector, bound: float) -> Vector:
    return [v.max(-bound).min(bound) for v in values]


def _concatenated(forward: list[list[Vector]], reverse: list[list[Vector]]) -> list[list[Vector]]:
    """Both directions' h along the feature axis: y of this layer, and x of the next."""
    return [[[*f, *r] for f, r in zip(*both, strict=True)] for both in zip(forward, reverse, strict=True)]


def _head(case: Case, arrays: Arrays, y: Array) -> Balls:
    """Logits = W_y y + b_y, from y of every step (in padding 0: logits are b_y) or of the last; what comes of them."""
    if case.head is None:
        return {}
    shapes, weights = case.weight_shapes, arrays.weights
    W_y = exact(case, "W_y", weights.W_y, shapes["W_y"])
    b_y = exact(case, "b_y", weights.b_y, shapes["b_y"])
    seen = y if case.head.after == "every_step" else y[-1]
    if seen.size == 0:
        return {"logits": _filled(case.outputs["logits"], arb(0))}
    vectors = arb_mat([[*vector, arb(1)] for vector in seen.reshape(-1, y.shape[-1])])
    logits = vectors * arb_mat([[*column, bias] for column, bias in zip(W_y, b_y, strict=True)]).transpose()
    result = {"logits": np.array(logits.tolist(), dtype=object).reshape(case.outputs["logits"])}
    if case.head.softmax:
        probabilities = [_softmax(vector) for vector in logits.tolist()]
        result["probabilities"] = np.array(probabilities, dtype=object).reshape(case.outputs["probabilities"])
    if case.head.cross_entropy:
        # -log softmax(logits)[k], which as a sum of positive terms has no 1 - 1 in it: log sum of e^(logit - logit[k]).
        pairs = [(result["logits"][place], k) for place, k in classes(case, arrays)]
        losses = [sum(((v - vector[k]).exp() for v in vector), arb(0)).log() for vector, k in pairs]
        result["loss"] = _filled((), sum(losses, arb(0)) / len(losses))
    return result


def _softmax(logits: Vector) -> Vector:
    powers = [(v - logits[0]).exp() for v in logits]  # of differences: e^1e300 is too large even for arb
    total = sum(powers, arb(0))
    return [power / total for power in powers]


def classes(case: Case, arrays: Arrays) -> list[tuple[tuple[int, ...], int]]:
    """The place of every logits vector that the cross-entropy counts, and its class: of the valid steps alone."""
    shape, targets = case.targets_shape, arrays.inputs.targets
    if shape is None or targets is None or targets.shape != shape or targets.dtype != np.int64:
        raise GenerationError(f"{case.id}: targets are not int64 of shape {shape}")
    last = case.head is not None and case.head.after == "last_step"
    places = [(b,) if last else (t, b) for b in range(case.B) for t in ([case.T - 1] if last else case.valid_steps(b))]
    found: list[tuple[tuple[int, ...], int]] = [(place, int(targets[place])) for place in places]
    if case.head is None or any(not 0 <= k < case.head.O for _, k in found):
        raise GenerationError(f"{case.id}: targets are not all classes of the head")
    return found


# Activations. Definitions: docs/equations.md, section 2 (those of the ONNX operator LSTM, where it has them).
# A ball across the border of two branches gets the union of both, which holds the true value and is wide.


def activation_on_balls(activation: Activation) -> Function:
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
    function = functions[activation.name]

    def decided(x: arb) -> arb:
        # Of a number comes a number. A ball so wide that the divisor may be 0 gives what looks like a NaN of the case.
        value = function(x)
        if x.is_finite() and not value.is_finite():
            raise Undecided(f"the argument of {activation.name} is lost")
        return value

    return decided


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
    given = None if arrays.inputs.lengths is None else tuple(arrays.inputs.lengths.tolist())
    if given != case.lengths:
        raise GenerationError(f"{case.id}: the case has lengths {case.lengths}, its arrays have {given}")
    if len(arrays.weights.rows) != case.layers * case.D:
        rows = len(arrays.weights.rows)
        raise GenerationError(f"{case.id}: weights for {rows} rows, not for {case.layers * case.D}")


def _valid_steps(case: Case, x: Array) -> list[list[Vector]]:
    """The steps of x as `[batch row][valid step]`; nothing that a row leaves out is read."""
    if x.shape != case.input_shapes["x"]:
        raise GenerationError(f"{case.id}: x is {x.shape}, not {case.input_shapes['x']}")
    valid = [case.valid_steps(b) for b in range(case.B)]
    rows = [exact(case, "x", x[steps, b], (len(steps), case.I)) for b, steps in enumerate(valid)]
    return [[list(step) for step in row] for row in rows]


def _state(case: Case, name: str, given: Array | None) -> Array:
    """The states before the first step, h0 (L*D, B, P) or c0 (L*D, B, H); scans make them the final ones."""
    if (given is None) != (name not in case.input_shapes):
        raise GenerationError(f"{case.id}: {name} is in the case or in its arrays, and not in the other")
    if given is None:
        return _filled(case.outputs[f"{name[0]}_n"], arb(0))
    return exact(case, name, given, case.input_shapes[name])


def _filled(shape: tuple[int, ...], ball: arb) -> Array:
    balls = np.empty(shape, dtype=object)
    balls.fill(ball)
    return balls


def exact(case: Case, name: str, array: Array | None, shape: tuple[int, ...]) -> Array:
    """The array's numbers as exact balls; GenerationError if it is not a finite array of that shape."""
    if array is None or array.shape != shape:
        raise GenerationError(f"{case.id}: {name} is {None if array is None else array.shape}, not {shape}")
    if array.dtype not in [numpy_dtype(known) for known in _FORMATS]:
        raise GenerationError(f"{case.id}: {name} has dtype {array.dtype}, not one of {', '.join(_FORMATS)}")
    numbers = array.astype(np.float64)  # exact: float64 holds every number of the four formats
    if case.poison is None and not np.isfinite(numbers).all():
        raise GenerationError(f"{case.id}: {name} holds NaN or infinity, and the case has no poison")
    balls = np.empty(numbers.size, dtype=object)
    balls[:] = [arb(number) for number in numbers.ravel().tolist()]
    return balls.reshape(shape)


def _rounded(case: Case, name: str, balls: Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The float64 that each ball is proven to round to; `Undecided`, with the element's place, if none is."""
    numbers = np.zeros(balls.shape, dtype=np.float64)
    for place, ball in np.ndenumerate(balls):
        if case.poison is not None and (not_finite := _not_finite(ball)) is not None:
            numbers[place] = not_finite
            continue
        try:
            numbers[place] = nearest(ball)
        except Undecided as reason:
            raise Undecided(f"{name}{list(place)}: {reason}") from None
        if np.isinf(numbers[place]):
            raise GenerationError(f"{case.id}: {name}{list(place)} is beyond the largest float64")
    return numbers


def _not_finite(ball: arb) -> float | None:
    """The NaN or infinity that a ball is; None where it is a number, known well or not at all."""
    middle = ball.mid()
    if middle.is_nan():
        return math.nan
    if middle.is_finite() or not ball.rad().is_finite():
        return None
    return math.inf if middle > 0 else -math.inf
