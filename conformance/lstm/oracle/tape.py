"""Reverse-mode differentiation over balls (A. Griewank, A. Walther, "Evaluating Derivatives", 2008).

Every number of a computation is a node that records which nodes it was computed from and its partial derivatives with
respect to them. Going through the entries of the tape backward, the chain rule gives dL/d(node) for every node.

A product of a matrix and a vector is one entry instead of a node for each of its terms, because flint multiplies whole
matrices many times faster: dL/d(vector) is the transposed matrix times dL/d(product). What the matrix itself gets from
all its products is one more product of matrices, taken when the tape comes back to where it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb, arb_mat


class Node:
    """A number, its source nodes with the partial derivatives with respect to them, and its gradient once known."""

    __slots__ = ("gradient", "sources", "tape", "value")

    def __init__(self, tape: Tape, value: arb, sources: list[tuple[Node, arb]]) -> None:
        self.tape, self.value, self.sources = tape, value, sources
        self.gradient = arb(0)
        tape.entries.append(self)

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

    def differentiate(self) -> None:
        """Pass dL/d(self) on to the sources."""
        for source, partial in self.sources:
            source.gradient += partial * self.gradient


Nodes = list[Node]


class Matrix:
    """Rows of nodes to multiply vectors with. It collects dL/d(product) and the vector of each of its products."""

    def __init__(self, rows: Sequence[Nodes]) -> None:
        self.rows = rows
        self.values = arb_mat([[node.value for node in row] for row in rows])
        self.transposed = self.values.transpose()
        self.collected: list[tuple[list[arb], list[arb]]] = []

    def differentiate(self) -> None:
        """Add to the gradients of its nodes: the sum of dL/d(product) vector^T over its products."""
        if not self.collected:
            return
        products, vectors = zip(*self.collected, strict=True)
        gradients = arb_mat(list(products)).transpose() * arb_mat(list(vectors))
        for row, gradient_row in zip(self.rows, gradients.tolist(), strict=True):
            for node, gradient in zip(row, gradient_row, strict=True):
                node.gradient += gradient


class Product:
    """The entry of a matrix times a vector, made before its nodes, and so reached after them."""

    def __init__(self, matrix: Matrix, vector: Nodes) -> None:
        self.matrix, self.vector = matrix, vector
        self.nodes: Nodes = []

    def differentiate(self) -> None:
        """Pass the gradients of its nodes on to the vector and the matrix."""
        gradients = [node.gradient for node in self.nodes]
        column = self.matrix.transposed * arb_mat([[gradient] for gradient in gradients])
        for node, gradient in zip(self.vector, column.entries(), strict=True):
            node.gradient += gradient
        self.matrix.collected.append((gradients, [node.value for node in self.vector]))


class Tape:
    """Every entry, in the order of creation: each comes after what it was computed from."""

    def __init__(self) -> None:
        self.entries: list[Node | Matrix | Product] = []

    def leaf(self, value: arb) -> Node:
        """A number without sources: an input, a weight, a constant."""
        return Node(self, value, [])

    def dot(self, a: Sequence[Node], b: Sequence[Node], *more: Node) -> Node:
        """The sum of all a[k] b[k] and of `more`, as one node."""
        value = sum((p.value * q.value for p, q in zip(a, b, strict=True)), arb(0))
        sources = [(p, q.value) for p, q in zip(a, b, strict=True)] + [(q, p.value) for p, q in zip(a, b, strict=True)]
        return Node(self, sum((v.value for v in more), value), [*sources, *((v, arb(1)) for v in more)])

    def matrix(self, rows: Sequence[Nodes]) -> Matrix:
        """A matrix of nodes, all rows as long as the first."""
        matrix = Matrix(rows)
        self.entries.append(matrix)
        return matrix

    def product(self, matrix: Matrix, vector: Nodes) -> Nodes:
        """The matrix times the vector."""
        product = Product(matrix, vector)
        self.entries.append(product)
        values = matrix.values * arb_mat([[node.value] for node in vector])
        product.nodes = [self.leaf(value) for value in values.entries()]
        return product.nodes

    def total(self, terms: Sequence[Node]) -> Node:
        """The sum of nodes."""
        return Node(self, sum((v.value for v in terms), arb(0)), [(v, arb(1)) for v in terms])

    def differentiate(self, loss: Node) -> None:
        """Set `gradient` of every node to dL/d(node)."""
        loss.gradient = arb(1)
        for entry in reversed(self.entries):
            entry.differentiate()
