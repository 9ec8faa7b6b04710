"""The forward pass: the equations (docs/equations.md, section 1) in ball arithmetic.

A batch row is a list of its valid steps, so padding and holes do not exist here. A stream cut into blocks is computed
as the whole sequence, and rows are computed independently, so `Case.blocks` and `Case.calls` are not used.

NaN and infinities exist only where a case poisons an element. They propagate through balls as in IEEE 754 arithmetic:
inf - inf and 0 * inf are NaN, and sigmoid and tanh take their limits at the infinities.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, ctx

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, LayerWeights
from conformance.lstm.oracle.activations import Function, on_balls
from conformance.lstm.oracle.arrays import Balls, Vector, classes, exact, filled, initial_state, steps_of_rows
from conformance.lstm.oracle.rounding import Undecided, hopeless

_EPSILON = {"basic-lstm-cell": Fraction(1, 10**12), "nnapi": Fraction(1, 10**8)}


def evaluate(case: Case, arrays: Arrays, bits: int) -> Balls:
    """Balls that contain the true outputs, from one pass with `bits` working bits.

    Raises `Undecided` as soon as a ball is so wide that nothing can be proven with it.
    """
    with ctx.workprec(bits):
        h_n, c_n = initial_state(case, "h0", arrays.inputs.h0), initial_state(case, "c0", arrays.inputs.c0)
        rows = steps_of_rows(case, arrays.inputs.x)
        for layer in range(case.layers):
            scans = []
            for direction in range(case.D):
                row = layer * case.D + direction
                cell = _cell(case, row, arrays.weights.rows[row])
                # The NaN of a poisoned element is not a loss of precision.
                reverse, watched = case.reverse(direction), layer == case.layers - 1 and case.poison is None
                scans.append(_scan(cell, rows, h_n[row], c_n[row], reverse=reverse, watched=watched))
            rows = scans[0] if case.D == 1 else _concatenated(scans[0], scans[1])
        y = filled(case.outputs["y"], arb(0))
        for b, steps in enumerate(rows):
            for t, features in zip(case.valid_steps(b), steps, strict=True):
                y[t, b, :] = features
        return {"y": y, "h_n": h_n, "c_n": c_n} | _head(case, arrays, y)


@dataclass(frozen=True)
class _Cell:
    """One layer in one direction, with every number an exact ball.

    `joined` (I_l + 2 + P, 4H) is [W | b_w | b_r | R] transposed. Its two middle rows are left out without biases, and
    with a layer norm, after which biases are added. `peephole` has a vector (H) for each of i, f, o; `gamma` and `beta`
    have one for each gate. In NNAPI's norm, beta is the sum of the biases.
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
        S=on_balls(activations.gate),
        G=on_balls(activations.cell),
        Hh=on_balls(activations.hidden),
    )


def _scan(
    cell: _Cell, rows: list[list[Vector]], h: Array, c: Array, *, reverse: bool, watched: bool
) -> list[list[Vector]]:
    """The h of every valid step, in time order; `h` (B, P) and `c` (B, H) become the final states.

    A reverse scan starts at each row's own last valid step. If `watched`, gives up once an h is hopelessly wide.
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
    """One step of one batch row: the new h (P) and c (H), from W x + R h (4H: i, f, g, o) and the old c."""
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
    o = [cell.S(v) for v in _input_of_gate(cell, 3, z_o, c if case.output_peephole == "previous-cell" else new_c)]
    literal = case.gate_clip is not None and case.gate_clip.reading == "all"
    shown = _within(new_c, case.gate_clip.bound) if literal and case.gate_clip else new_c
    h = [o[j] * cell.Hh(shown[j]) for j in range(H)]
    return (h if cell.projection is None else _projected(cell, h)), new_c


def _input_of_gate(cell: _Cell, k: int, z: Vector, c: Vector) -> Vector:
    """The argument of a gate's activation, from its W x + R h; c is the state that its peephole sees."""
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
    # A variance is not negative, but a ball around 0 also contains negative numbers.
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
    """The h of both directions along the feature axis: y of this layer and x of the next."""
    return [[[*f, *r] for f, r in zip(*both, strict=True)] for both in zip(forward, reverse, strict=True)]


def _head(case: Case, arrays: Arrays, y: Array) -> Balls:
    """Logits = W_y y + b_y of every step (b_y in padding, where y is 0) or of the last, and what they give."""
    if case.head is None:
        return {}
    shapes, weights = case.weight_shapes, arrays.weights
    W_y = exact(case, "W_y", weights.W_y, shapes["W_y"])
    b_y = exact(case, "b_y", weights.b_y, shapes["b_y"])
    seen = y if case.head.after == "every_step" else y[-1]
    if seen.size == 0:
        return {"logits": filled(case.outputs["logits"], arb(0))}
    vectors = arb_mat([[*vector, arb(1)] for vector in seen.reshape(-1, y.shape[-1])])
    logits = vectors * arb_mat([[*column, bias] for column, bias in zip(W_y, b_y, strict=True)]).transpose()
    result = {"logits": np.array(logits.tolist(), dtype=object).reshape(case.outputs["logits"])}
    if case.head.softmax:
        probabilities = [_softmax(vector) for vector in logits.tolist()]
        result["probabilities"] = np.array(probabilities, dtype=object).reshape(case.outputs["probabilities"])
    if case.head.cross_entropy:
        # -log softmax(logits)[k] as log sum of e^(logit - logit[k]): a sum of positive terms, so nothing cancels.
        pairs = [(result["logits"][place], k) for place, k in classes(case, arrays)]
        losses = [sum(((v - vector[k]).exp() for v in vector), arb(0)).log() for vector, k in pairs]
        result["loss"] = filled((), sum(losses, arb(0)) / len(losses))
    return result


def _softmax(logits: Vector) -> Vector:
    powers = [(v - logits[0]).exp() for v in logits]  # differences, because e^1e300 is too large even for arb
    total = sum(powers, arb(0))
    return [power / total for power in powers]
