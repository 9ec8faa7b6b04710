"""Reverse-mode differentiation over scalar balls (A. Griewank, A. Walther, "Evaluating Derivatives", 2008).

Every number of a computation is a node that records which nodes it was computed from and its partial derivatives with
respect to them. Going through the nodes backward, the chain rule gives dL/d(node) for every node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb


class Node:
    """A number, its source nodes with the partial derivatives with respect to them, and its gradient once known."""

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
    """Every node, in the order of creation: each comes after its sources."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def leaf(self, value: arb) -> Node:
        """A number without sources: an input, a weight, a constant."""
        return Node(self, value, [])

    def dot(self, a: Sequence[Node], b: Sequence[Node], *more: Node) -> Node:
        """The sum of all a[k] b[k] and of `more`, as one node."""
        value = sum((p.value * q.value for p, q in zip(a, b, strict=True)), arb(0))
        sources = [(p, q.value) for p, q in zip(a, b, strict=True)] + [(q, p.value) for p, q in zip(a, b, strict=True)]
        return Node(self, sum((v.value for v in more), value), [*sources, *((v, arb(1)) for v in more)])

    def total(self, terms: Sequence[Node]) -> Node:
        """The sum of nodes."""
        return Node(self, sum((v.value for v in terms), arb(0)), [(v, arb(1)) for v in terms])

    def differentiate(self, loss: Node) -> None:
        """Set `gradient` of every node to dL/d(node)."""
        loss.gradient = arb(1)
        for node in reversed(self.nodes):
            for source, partial in node.sources:
                source.gradient += partial * node.gradient
