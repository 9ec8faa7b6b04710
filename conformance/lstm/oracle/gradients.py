"""The oracle's gradients, proven like every other golden value.

The forward equations (docs/equations.md, section 1) are computed again, on nodes that can be differentiated
(conformance.lstm.oracle.tape). There is no formula for the gradient of an LSTM here, only for the derivatives of sums,
products, quotients and activations: all that is shared with the reference's gradients is the definition.

As in the forward pass, a batch row is a list of its valid steps. `Case.blocks` matter only where the gradients are
truncated: there the state carried over a border continues as a new node without sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays
from conformance.lstm.oracle.activations import above, derivative, on_balls
from conformance.lstm.oracle.arrays import Balls, classes, exact
from conformance.lstm.oracle.forward import evaluate
from conformance.lstm.oracle.tape import Node, Nodes, Tape


def gradients(case: Case, arrays: Arrays, bits: int) -> Balls:
    """Balls that contain the true dL/dx, dL/dh0, dL/dc0 and dL/d(every weight), by the names of `case.outputs`."""
    with ctx.workprec(bits):
        tape = Tape()
        leaves: dict[str, Array] = {}
        for name, shape in {**case.input_shapes, **case.weight_shapes}.items():
            kind = "inputs" if name in case.input_shapes else "weights"
            # x at the steps that a row leaves out is never read, and may be NaN.
            array = _without_padding(case, arrays.inputs.x) if name == "x" else arrays.flat.get(f"{kind}.{name}")
            balls = exact(case, name, array, shape)
            leaves[name] = _each(balls, tape.leaf)
        y, h_n, c_n = _forward(case, tape, leaves)
        _check_against_forward_pass(case, evaluate(case, arrays, bits), y, h_n, c_n)
        tape.differentiate(_loss(case, arrays, tape, leaves, y, h_n, c_n))
        named = [name for name in leaves if f"d_{name}" in case.outputs]
        return {f"d_{name}": _each(leaves[name], lambda node: node.gradient) for name in named}


Vectors = dict[tuple[int, ...], Nodes]
"""y by (step, batch row), h_n and c_n by (layer * D + direction, batch row)."""

# The loss.


def _loss(
    case: Case, arrays: Arrays, tape: Tape, leaves: dict[str, Array], y: Vectors, h_n: Vectors, c_n: Vectors
) -> Node:
    """The mean cross-entropy, or <y, dy> + <h_n, dh_n> + <c_n, dc_n>."""
    terms: Nodes = []
    if not case.cross_entropy:
        for name, found in (("dy", y), ("dh_n", h_n), ("dc_n", c_n)):
            if name in leaves:
                terms += [tape.dot(vector, list(leaves[name][place])) for place, vector in found.items()]
        return tape.total(terms)
    counted = classes(case, arrays)
    head = tape.matrix([[*row, bias] for row, bias in zip(leaves["W_y"], leaves["b_y"], strict=True)])
    for place, k in counted:
        vector = y[place if len(place) == 2 else (case.T - 1, *place)]
        logits = tape.product(head, [*vector, tape.leaf(arb(1))])
        # -log softmax(logits)[k] = log(1 + the sum over the other classes of e^(logit - logit[k]))
        differences = [logit - logits[k] for n, logit in enumerate(logits) if n != k]
        powers = tape.total([d.mapped(d.value.exp(), d.value.exp()) for d in differences])
        terms.append(powers.mapped((1 + powers.value).log(), 1 / (1 + powers.value)))
    return tape.total(terms).times(arb(1) / len(counted))


# The forward equations, on nodes.


def _forward(case: Case, tape: Tape, leaves: dict[str, Array]) -> tuple[Vectors, Vectors, Vectors]:
    """y, h_n and c_n from the valid steps of every batch row, each row computed independently."""
    y: Vectors = {}
    h_n: Vectors = {}
    c_n: Vectors = {}
    cells = [_Cell(case, row, tape, leaves) for row in range(case.layers * case.D)]
    for b in range(case.B):
        valid = case.valid_steps(b)
        steps = [list(leaves["x"][t, b]) for t in valid]
        for layer in range(case.layers):
            sides = []
            for direction in range(case.D):
                row = layer * case.D + direction
                h = _initial(tape, leaves.get("h0"), row, b, case.output_size)
                c = _initial(tape, leaves.get("c0"), row, b, case.H)
                order = range(len(valid))[::-1] if case.reverse(direction) else range(len(valid))
                side: dict[int, Nodes] = {}
                before = -1
                for n in order:
                    h, c = _carried(case, tape, (before, valid[n]), h, c)
                    before = valid[n]
                    h, c = cells[row].step(steps[n], h, c)
                    side[n] = h
                # A row that has ended stays in the batch, and its state is carried over the remaining borders.
                h_n[row, b], c_n[row, b] = _carried(case, tape, (before, case.T - 1), h, c)
                sides.append(side)
            steps = [[v for side in sides for v in side[n]] for n in range(len(valid))]
        y |= {(t, b): step for t, step in zip(valid, steps, strict=True)}
    return y, h_n, c_n


def _initial(tape: Tape, given: Array | None, row: int, b: int, size: int) -> Nodes:
    return [tape.leaf(arb(0)) for _ in range(size)] if given is None else list(given[row, b])


def _carried(case: Case, tape: Tape, steps: tuple[int, int], h: Nodes, c: Nodes) -> tuple[Nodes, Nodes]:
    """A state passed from one step to another: as new leaves if a truncated stream has a border between them."""
    borders = [each.start for each in case.block_steps[1:]] if case.gradients == "truncated" else []
    if not any(steps[0] < border <= steps[1] for border in borders):
        return h, c
    h, c = ([tape.leaf(v.value) for v in state] for state in (h, c))
    return h, c


class _Cell:
    """One layer in one direction; the weights are arrays of nodes, by name.

    product: [W b_w b_r R] of all gates (4H, I_l + 2 + P); without the biases where there are none, and with a layer
    norm, after which biases are added. projection: [projection, its bias], if the case has one.
    """

    def __init__(self, case: Case, row: int, tape: Tape, leaves: dict[str, Array]) -> None:
        self.case, self.tape = case, tape
        self.weights = w = {n.partition(".")[0]: leaf for n, leaf in leaves.items() if n.endswith(f".{row}")}
        act = case.activations_of(row % case.D)
        self.S, self.G, self.Hh = (_activated(case, a) for a in (act.gate, act.cell, act.hidden))
        biased = case.bias and case.layer_norm is None
        self.ones = [tape.leaf(arb(1)) for _ in range(2 * biased)]
        parts = [w[name].reshape(4 * case.H, -1) for name in ("W", *(("b_w", "b_r") if biased else ()), "R")]
        self.product = tape.matrix(np.concatenate(parts, axis=1).tolist())
        if case.P is not None:
            rows: list[Nodes] = w["projection"].tolist()
            biases = [[b] for b in w["projection_bias"]] if case.projection_bias else [[]] * case.P
            self.projection = tape.matrix([[*row, *bias] for row, bias in zip(rows, biases, strict=True)])

    def step(self, x: Nodes, h: Nodes, c: Nodes) -> tuple[Nodes, Nodes]:
        """The new h and c."""
        case, H = self.case, self.case.H
        z = self.tape.product(self.product, [*x, *self.ones, *h])
        z_i, z_f, z_g, z_o = (z[k * H : (k + 1) * H] for k in range(4))
        i = [self.S(v) for v in self.argument(0, z_i, c)]
        f = [self.S(v) for v in self.argument(1, z_f, c)]
        g = [self.G(v) for v in self.argument(2, z_g, c)]
        if case.coupling == "forget=1-input":
            f = [v.times(-1).plus(1) for v in i]
        elif case.coupling == "input=1-forget":
            i = [v.times(-1).plus(1) for v in f]
        new_c = [f[j] * c[j] + i[j] * g[j] for j in range(H)]
        if case.layer_norm == "basic-lstm-cell":
            new_c = self.norm(new_c, list(self.weights["gamma_cell"]), list(self.weights["beta_cell"]))
        new_c = self.within(new_c, case.cell_clip)
        o = [self.S(v) for v in self.argument(3, z_o, c if case.output_peephole == "previous-cell" else new_c)]
        literal = case.gate_clip is not None and case.gate_clip.reading == "all"
        shown = self.within(new_c, case.gate_clip.bound if literal and case.gate_clip else None)
        m = [o[j] * self.Hh(shown[j]) for j in range(H)]
        return self.projected(m), new_c

    def argument(self, k: int, z: Nodes, c: Nodes) -> Nodes:
        """The argument of gate k's activation, from its W x + R h; c is the state its peephole sees."""
        case, w = self.case, self.weights
        if case.peephole and k != 2:
            peephole = w["peephole"][min(k, 2)]
            z = [z[j] + peephole[j] * c[j] for j in range(case.H)]
        if case.layer_norm == "basic-lstm-cell":
            z = self.norm(z, list(w["gamma"][k]), list(w["beta"][k]))
        elif case.layer_norm == "nnapi":
            beta = [a + b for a, b in zip(w["b_w"][k], w["b_r"][k], strict=True)] if case.bias else None
            z = self.norm(z, list(w["gamma"][k]), beta)
        if k == 1:
            z = [v.plus(case.forget_bias) for v in z]
        return self.within(z, case.gate_clip.bound if case.gate_clip else None)

    def norm(self, values: Nodes, gamma: Sequence[Node], beta: Sequence[Node] | None) -> Nodes:
        """Layer norm over the H units."""
        epsilon = Fraction(1, 10**12 if self.case.layer_norm == "basic-lstm-cell" else 10**8)
        n = arb(len(values))
        mean = self.tape.total(values).times(1 / n)
        deviations = [v - mean for v in values]
        variance = self.tape.dot(deviations, deviations).times(1 / n)
        inside = variance.plus(arb(epsilon.numerator) / epsilon.denominator)
        root = inside.value.sqrt()
        scale = inside.mapped(root, 1 / (2 * root))
        result = [g * (d / scale) for g, d in zip(gamma, deviations, strict=True)]
        return result if beta is None else [v + b for v, b in zip(result, beta, strict=True)]

    def projected(self, m: Nodes) -> Nodes:
        """The h projected from m = o Hh(c)."""
        if self.case.P is None:
            return m
        one = [self.tape.leaf(arb(1))] if self.case.projection_bias else []
        return self.within(self.tape.product(self.projection, [*m, *one]), self.case.projection_clip)

    def within(self, values: Nodes, bound: float | None) -> Nodes:
        """Values limited to [-bound, bound]; beyond the bound they are constants."""
        if bound is None:
            return values
        return [v if above(self.case, bound, abs(v.value)) else self.tape.leaf(bound * v.value.sgn()) for v in values]


def _activated(case: Case, activation: Activation) -> Callable[[Node], Node]:
    """An activation function on nodes."""
    value, slope = on_balls(activation), derivative(case, activation)
    return lambda node: node.mapped(value(node.value), slope(node.value))


# Arrays in, arrays out.


def _without_padding(case: Case, x: Array) -> Array:
    kept = np.zeros_like(x)
    for b in range(case.B):
        kept[case.valid_steps(b), b] = x[case.valid_steps(b), b]
    return kept


def _each(array: Array, function: Callable[[Any], Any]) -> Array:
    result = np.empty(array.size, dtype=object)
    result[:] = [function(item) for item in array.ravel()]
    return result.reshape(array.shape)


def _check_against_forward_pass(case: Case, balls: Balls, y: Vectors, h_n: Vectors, c_n: Vectors) -> None:
    """Check the forward computation above against the forward pass: both contain the true values, so they overlap."""
    for name, found in (("y", y), ("h_n", h_n), ("c_n", c_n)):
        for place, vector in found.items():
            if not all(node.value.overlaps(ball) for node, ball in zip(vector, balls[name][place], strict=True)):
                raise GenerationError(f"{case.id}: the oracle's two forward computations disagree in {name}{place}")
