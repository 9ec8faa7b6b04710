"""The equations of docs/equations.md written once more, one Python float at a time: the witness of the two witnesses.

Nothing of conformance.lstm is used. A batch row is a list of its valid steps, a gate of a unit is a number, a gate's
vector is a list. NaN and infinities follow IEEE 754: where Python raises, the number that the standard gives stands.
"""

import math
from collections.abc import Callable

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs

Numbers = list[float]


def plain_lstm(case: Case, arrays: Arrays) -> Outputs:
    """Every output of a case. y and logits: zeros and b_y at steps left out; an empty row keeps its initial state."""
    inputs = arrays.inputs
    outputs = {name: np.zeros(shape) for name, shape in case.outputs.items()}
    for b in range(case.B):
        length = case.T if case.lengths is None else case.lengths[b]
        steps = [t for t in range(length) if case.skip is None or t not in case.skip[b]]
        sequence = [floats(inputs.x[t, b]) for t in steps]
        for layer in range(case.layers):
            found: list[list[Numbers]] = []
            for direction in range(case.D):
                row = layer * case.D + direction
                h = [0.0] * case.output_size if inputs.h0 is None else floats(inputs.h0[row, b])
                c = [0.0] * case.H if inputs.c0 is None else floats(inputs.c0[row, b])
                backwards = case.direction == "reverse" or direction == 1
                hs = []
                for x in sequence[::-1] if backwards else sequence:
                    h, c = plain_step(case, direction, arrays.weights.rows[row], x, h, c)
                    hs.append(h)
                outputs["h_n"][row, b], outputs["c_n"][row, b] = h, c
                found.append(hs[::-1] if backwards else hs)
            sequence = [[v for hs in found for v in hs[n]] for n in range(len(steps))]
        for t, features in zip(steps, sequence, strict=True):
            outputs["y"][t, b] = features
    if case.head is not None:
        W_y, b_y = arrays.weights.W_y, arrays.weights.b_y
        assert W_y is not None and b_y is not None
        seen = outputs["y"] if case.head.after == "every_step" else outputs["y"][-1]
        for index in np.ndindex(seen.shape[:-1]):
            outputs["logits"][index] = [
                float(b_y[n]) + dot(floats(W_y[n]), floats(seen[index])) for n in range(case.head.O)
            ]
    return outputs


def plain_step(
    case: Case, direction: int, row: LayerWeights, x: Numbers, h: Numbers, c: Numbers
) -> tuple[Numbers, Numbers]:
    """One step of one batch row: the new h (P) and c (H)."""
    chosen = case.activations_of(direction)
    S, G, Hh = (plain_activation(a) for a in (chosen.gate, chosen.cell, chosen.hidden))
    units = range(case.H)

    def gate(k: int, function: Callable[[float], float], seen_cell: Numbers | None) -> Numbers:
        """The gate k, from the cell state that its peephole sees."""
        z = [dot(floats(row.W[k, j]), x) + dot(floats(row.R[k, j]), h) for j in units]
        bias = [0.0] * case.H
        if row.b_w is not None and row.b_r is not None:
            bias = [float(row.b_w[k, j]) + float(row.b_r[k, j]) for j in units]
        if row.peephole is not None and seen_cell is not None:
            p = floats(row.peephole[min(k, 2)])
            z = [z[j] + p[j] * seen_cell[j] for j in units]
        if case.layer_norm is None:
            z = [z[j] + bias[j] for j in units]
        else:
            assert row.gamma is not None
            after = floats(row.beta[k]) if row.beta is not None else bias
            z = plain_norm(z, floats(row.gamma[k]), after, 1e-12 if case.layer_norm == "basic-lstm-cell" else 1e-8)
        if k == 1:
            z = [v + case.forget_bias for v in z]
        if case.gate_clip is not None:
            z = [within(v, case.gate_clip.bound) for v in z]
        return [function(v) for v in z]

    i, f, g = gate(0, S, c), gate(1, S, c), gate(2, G, None)
    if case.coupling == "forget=1-input":
        f = [1.0 - v for v in i]
    if case.coupling == "input=1-forget":
        i = [1.0 - v for v in f]
    new_c = [f[j] * c[j] + i[j] * g[j] for j in units]
    if row.gamma_cell is not None and row.beta_cell is not None:
        new_c = plain_norm(new_c, floats(row.gamma_cell), floats(row.beta_cell), 1e-12)
    if case.cell_clip is not None:
        new_c = [within(v, case.cell_clip) for v in new_c]
    o = gate(3, S, c if case.output_peephole == "previous-cell" else new_c)
    literal = case.gate_clip is not None and case.gate_clip.reading == "all"
    m = [o[j] * Hh(within(new_c[j], case.gate_clip.bound) if literal and case.gate_clip else new_c[j]) for j in units]
    if row.projection is None:
        return m, new_c
    new_h = [dot(floats(row.projection[n]), m) for n in range(case.output_size)]
    if row.projection_bias is not None:
        new_h = [v + float(b) for v, b in zip(new_h, row.projection_bias, strict=True)]
    if case.projection_clip is not None:
        new_h = [within(v, case.projection_clip) for v in new_h]
    return new_h, new_c


def plain_norm(values: Numbers, gamma: Numbers, beta: Numbers, epsilon: float) -> Numbers:
    """gamma (v - mean) / sqrt(variance + epsilon) + beta."""
    mean = sum(values) / len(values)
    deviations = [v - mean for v in values]
    variance = sum(d * d for d in deviations) / len(values)
    return [g * d / math.sqrt(variance + epsilon) + b for g, d, b in zip(gamma, deviations, beta, strict=True)]


def plain_activation(chosen: Activation) -> Callable[[float], float]:
    a, b = chosen.alpha or 0.0, chosen.beta or 0.0
    return {
        "sigmoid": lambda z: 1 / (1 + exp(-z)),
        "tanh": math.tanh,
        "relu": lambda z: at_least(z, 0.0),
        "hard_sigmoid": lambda z: at_most(at_least(a * z + b, 0.0), 1.0),
        "affine": lambda z: a * z + b,
        "leaky_relu": lambda z: z if z >= 0 else a * z,
        "thresholded_relu": lambda z: z if z >= a or math.isnan(z) else 0.0,
        "scaled_tanh": lambda z: a * math.tanh(b * z),
        "elu": lambda z: z if z >= 0 else a * math.expm1(z),
        "softsign": lambda z: z / (1 + abs(z)),
        "softplus": lambda z: z + math.log1p(exp(-z)) if z > 0 else math.log1p(exp(z)),
        "linear": lambda z: z,
    }[chosen.name]


def in_float64(arrays: Arrays) -> Arrays:
    """The same numbers as float64 arrays; lengths and mask stay what they are."""
    return Arrays.from_tensors({n: a if a.dtype.kind in "ib" else a.astype(np.float64) for n, a in arrays.flat.items()})


def floats(array: Array) -> Numbers:
    return [float(v) for v in array]


def dot(a: Numbers, b: Numbers) -> float:
    return sum((v * w for v, w in zip(a, b, strict=True)), 0.0)


def exp(z: float) -> float:
    try:
        return math.exp(z)
    except OverflowError:
        return math.inf


def at_least(z: float, bound: float) -> float:
    return bound if z < bound else z  # a NaN stays


def at_most(z: float, bound: float) -> float:
    return bound if z > bound else z


def within(z: float, bound: float) -> float:
    return at_most(at_least(z, -bound), bound)
