"""Reverse-mode differentiation over scalar balls (A. Griewank, A. Walther, "Evaluating Derivatives", 2008).

Every number of a computation is a node that remembers which nodes it came from and its partial derivatives by them;
going through the nodes backwards, the chain rule gives every node its dL/d(node).

A ball on both sides of a kink (relu, a clip) has no derivative yet, and more bits are asked for; a number exactly on a
kink has none at all, and the case is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.lstm.oracle import activation_on_balls
from conformance.lstm.rounding_proof import Undecided


class Node:
    """A number, the nodes it came from with its partial derivatives by them, and dL/d(it) once that is known."""

    __slots__ = ("gradient", "sources", "tape", "value")

    def __init__(self, tape: Tape, value: arb, sources: list[tuple[Node, arb]]) -> None:
        self.tape, self.value, self.sources = tape, value, sources
        self.gradient = arb(0)
        tape.nodes.append(self)

    def __add__(self, other: Node) -> Node:
        return Node(self.tape, self.value + other.value, [(self, arb(1)), (other, arb(1))])

    def __sub__(self, other: Node) -> Node:
        return Node(self.tape, self.value - other.value, [(self, arb(1)), (other, arb(-1))])

    def __mul__(self, other: Node) -> Node:
        return Node(self.tape, self.value * other.value, [(self, other.value), (other, self.value)])

    def __truediv__(self, other: Node) -> Node:
        quotient = self.value / other.value
        return Node(self.tape, quotient, [(self, 1 / other.value), (other, -quotient / other.value)])

    def plus(self, number: Any) -> Node:
        """Self + a constant."""
        return Node(self.tape, self.value + number, [(self, arb(1))])

    def times(self, number: Any) -> Node:
        """Self * a constant."""
        return Node(self.tape, self.value * number, [(self, arb(number))])

    def mapped(self, value: arb, derivative: arb) -> Node:
        """A function of self, by its value and its derivative."""
        return Node(self.tape, value, [(self, derivative)])


Nodes = list[Node]


class Tape:
    """Every node, in the order in which they came to be: each after those it came from."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def leaf(self, value: arb) -> Node:
        """A number from nowhere: an input, a weight, a constant."""
        return Node(self, value, [])

    def dot(self, a: Sequence[Node], b: Sequence[Node], *more: Node) -> Node:
        """The sum of a[k] b[k], and of `more`, as one node."""
        value = sum((p.value * q.value for p, q in zip(a, b, strict=True)), arb(0))
        sources = [(p, q.value) for p, q in zip(a, b, strict=True)] + [(q, p.value) for p, q in zip(a, b, strict=True)]
        return Node(self, sum((v.value for v in more), value), [*sources, *((v, arb(1)) for v in more)])

    def total(self, terms: Sequence[Node]) -> Node:
        """The sum of nodes."""
        return Node(self, sum((v.value for v in terms), arb(0)), [(v, arb(1)) for v in terms])

    def differentiate(self, loss: Node) -> None:
        """Give every node its dL/d(node)."""
        loss.gradient = arb(1)
        for node in reversed(self.nodes):
            for source, partial in node.sources:
                source.gradient += partial * node.gradient


# Derivatives of the activations. Definitions: docs/equations.md, section 2.


def activated(case: Case, activation: Activation) -> Callable[[Node], Node]:
    """An activation function on nodes."""
    value, derivative = activation_on_balls(activation), _derivative(case, activation)
    return lambda node: node.mapped(value(node.value), derivative(node.value))


def _derivative(case: Case, activation: Activation) -> Callable[[arb], arb]:
    alpha, beta = arb(activation.alpha or 0.0), arb(activation.beta or 0.0)
    one, zero = arb(1), arb(0)

    def over(x: Any, border: Any) -> bool:
        return above(case, x, border)

    functions: dict[str, Callable[[arb], arb]] = {
        # 1 / ((1 + e^x) (1 + e^-x)), with powers of -|x| only: e^1e300 is too large even for arb.
        "sigmoid": lambda x: (-abs(x)).exp() / (1 + (-abs(x)).exp()) ** 2,
        "tanh": lambda x: x.sech() ** 2,
        "relu": lambda x: one if over(x, 0) else zero,
        "hard_sigmoid": lambda x: alpha if over(alpha * x + beta, 0) and over(1, alpha * x + beta) else zero,
        "affine": lambda x: alpha,
        "leaky_relu": lambda x: one if over(x, 0) else alpha,
        "thresholded_relu": lambda x: one if over(x, alpha) else zero,
        "scaled_tanh": lambda x: alpha * beta * (beta * x).sech() ** 2,
        "elu": lambda x: one if over(x, 0) else alpha * x.exp(),
        "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
        "softplus": lambda x: 1 / (1 + (-x).exp()) if x > 0 else x.exp() / (1 + x.exp()),
        "linear": lambda x: one,
    }
    return functions[activation.name]


def above(case: Case, x: Any, border: Any) -> bool:
    """Whether x > border, which is a kink of something: on it there is no derivative."""
    x, border = arb(x), arb(border)
    if x > border:
        return True
    if x < border:
        return False
    if x.is_exact() and border.is_exact():
        raise GenerationError(f"{case.id}: a number stands on a kink, where there is no gradient")
    raise Undecided("a number may be on either side of a kink")
