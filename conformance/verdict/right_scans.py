"""The right computation's scans, lent to mistakes that only handle the results of scans in another way.

A mistake that exchanges final states, or the steps or halves of y, computes the same steps as the reference. Of all
mistakes, these are the ones that cannot be left at a first wrong step, so they would cost the most.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs
from conformance.lstm.mistakes.base import replaced
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

_AROUND_SCANS = {"run", "layer", "scan", "joined"}


def leaves_scans(variant: type[Reference]) -> bool:
    """Whether a scan that a mistake makes on the right inputs is the right scan."""
    return replaced(variant) <= _AROUND_SCANS


class RightScans(Reference):
    """The reference, which keeps what its scans are given and what they return."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.inputs: Inputs | None = None
        self.counted: Array | None = None
        self.starts: dict[int, State] = {}
        self.scans: dict[int, tuple[Scan, tuple[Array, State]]] = {}
        self.joins: list[tuple[list[Array], Array]] = []

    def run(self, arrays: Arrays) -> Outputs:
        """The right outputs."""
        self.inputs = arrays.inputs
        return super().run(arrays)

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        """The valid steps; kept."""
        self.counted = super().valid(x, inputs) if self.counted is None else self.counted
        return self.counted

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        """The initial state; kept."""
        self.starts[row] = super().initial_state(row, x, inputs)
        return self.starts[row]

    def scan(self, given: Scan) -> tuple[Array, State]:
        """The scan; kept."""
        found = super().scan(given)
        for array in (found[0], found[1].h, found[1].c):
            array.flags.writeable = False
        self.scans[given.row] = given, found
        return found

    def joined(self, ys: Sequence[Array]) -> Array:
        """The layer's y; kept, because it is the next layer's x."""
        y = super().joined(ys)
        y.flags.writeable = False
        self.joins.append((list(ys), y))
        return y


class Lent(Reference):
    """A mixin that goes after a mistake: where that scans just what the reference does, it gets what was kept."""

    right: RightScans

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        """The valid steps, as kept."""
        return self.right.counted if inputs is self.right.inputs else super().valid(x, inputs)

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        """The initial state, as kept."""
        return self.right.starts[row] if inputs is self.right.inputs else super().initial_state(row, x, inputs)

    def scan(self, given: Scan) -> tuple[Array, State]:
        """The scan, as kept if it is given the same."""
        kept, found = self.right.scans[given.row]
        same = given.x is kept.x and given.start is kept.start and given.valid is kept.valid
        return found if same and given.weights is kept.weights else super().scan(given)

    def joined(self, ys: Sequence[Array]) -> Array:
        """The layer's y, as kept if it is made of the same parts."""
        for parts, y in self.right.joins:
            if len(parts) == len(ys) and all(a is b for a, b in zip(parts, ys, strict=True)):
                return y
        return super().joined(ys)
