"""The reference with its gradients, which knows at each operation where it is, and makes one mistake there.

`at` is called with the value of each operation and the axes of its array:

    T steps   B rows   K gates   H units   I columns (of an input)   O classes

An axis that the array does not have, because the operation is computed for one step or one gate at a time, counts all
the same: `at` knows the step and the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.lstm.cell_gradients import Parts
from conformance.lstm.gradients import Gradients
from conformance.lstm.mistakes.grammar.faults import Fault, Operation
from conformance.lstm.mistakes.grammar.localities import AXES, GATES, Locality
from conformance.lstm.step import Scan, State, Step
from conformance.lstm.tape import Taped

Product = Callable[[Array], Array]


class Traced(Gradients):
    """The LSTM of one case, wrong at one site. Subclasses name the mistake and call `at` (forward.py, backward.py)."""

    site: str
    fault: Fault
    locality: Locality
    condition: Callable[[Case], bool]

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.made = type(self).condition(case)
        self.row = 0
        self.step_at: int | None = None
        self.back = False
        self._times: dict[int, int] = {}
        self._before: dict[Any, Array] = {}
        self._among_steps: dict[int, Array] = {}

    # Where the computation is.

    def run(self, arrays: Arrays) -> Outputs:
        self._before.clear()
        self.back, self.row, self.step_at = False, 0, None
        return super().run(arrays)

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.row = layer * self.case.D
        return super().layer(layer, x, weights, inputs)

    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        self.row = row
        return super().initial_state(row, x, inputs)

    def scan(self, given: Scan) -> tuple[Array, State]:
        self.row, self.step_at = given.row, None
        found = super().scan(given)
        self.step_at = None
        return found

    def order(self, direction: int, steps: int) -> Sequence[int]:
        return _Told(super().order(direction, steps), self)

    def gradients(self, arrays: Arrays, outputs: Outputs) -> Outputs:
        self.back, self.step_at = True, None
        self._before.clear()
        return super().gradients(arrays, outputs)

    def layer_back(
        self, layer: int, dy: Array, dh_n: Array, dc_n: Array, starts: dict[int, State], found: Outputs
    ) -> Array:
        self.row = layer * self.case.D
        return super().layer_back(layer, dy, dh_n, dc_n, starts, found)

    def scan_back(self, taped: Taped, dy: Array, end: State) -> tuple[Array, State, Outputs]:
        self.row, self.step_at = taped.scan.row, None
        self._times = {id(step): t for t, step in taped.steps.items()}
        return super().scan_back(taped, dy, end)

    def step_back(self, step: Step, d: State, weights: Any) -> tuple[State, Parts]:
        self.step_at = self._times[id(step)]
        return super().step_back(step, d, weights)

    @property
    def direction(self) -> int:
        """The index of the direction in which the computation is."""
        return self.row % self.case.D

    def place(self, t: int) -> tuple[int, int]:
        """The place of a step in the order of processing, counted within its block, and the number of steps there."""
        for steps in self.case.block_steps if self.case.blocks is not None else ():
            if steps.start <= t < steps.stop:
                return t - steps.start, steps.stop - steps.start
        T = self.case.T
        return (T - 1 - t if self.case.reverse(self.direction) else t), T

    # The mistake.

    def at(
        self,
        site: str,
        axes: str,
        value: Array,
        *,
        without: Array | None = None,
        twice: Product | None = None,
        gate: int | None = None,
        like: Array | None = None,
    ) -> Array:
        """The value, or what the mistake makes of it.

        Args:
            axes: those of the array. gate: the index of the gate, where the array has no axis for it.
            without: what the value would be if the operation were left out; zeros if it is not given.
            twice: applies the operation once more to a value; it is doubled if that is not given.
            like: an array to whose shape the value is broadcast first, so that it has the axes.
        """
        if site != self.site or not self.made:
            return value
        if like is not None:
            value = np.broadcast_to(value, like.shape)
        chosen = self._chosen(axes, value.shape, gate)
        if chosen is None:
            return value
        operation = Operation(
            right=value,
            without=np.zeros_like(value) if without is None else np.broadcast_to(without, value.shape),
            twice=lambda: value + value if twice is None else twice(value),
            before=lambda: self._one_step_earlier(axes, value, gate),
            dtype=self.case.dtype,
        )
        wrong = self.fault.value(operation)
        if self.fault.word == "stale" and "T" not in axes:
            self._before[self.row, gate, axes, value.shape] = value
        return np.asarray(np.where(chosen, wrong, value), value.dtype)

    def product_at(self, site: str, axes: str, operand: Array, product: Product) -> Array:
        """`at` for a product with a matrix; a part of its columns is a part of the last axis of the operand."""
        if site != self.site or not self.made or self.locality.axis != "columns":
            return self.at(site, axes, product(operand))
        among, zeros = self.locality.among(operand.shape[-1]), np.zeros_like(operand)
        if not among.any():
            return product(operand)
        part, rest = product(np.where(among, operand, zeros)), product(np.where(among, zeros, operand))
        before = self._before.get((self.row, site), part)
        self._before[self.row, site] = part
        zero = np.zeros_like(part)
        return rest + self.fault.value(Operation(part, zero, lambda: part + part, lambda: before, self.case.dtype))

    def _chosen(self, axes: str, shape: tuple[int, ...], gate: int | None) -> Array | None:
        """Which elements are wrong, in a shape that can be broadcast to that of the array; None if none are."""
        where, case = self.locality, self.case
        everything = np.ones((1,) * len(shape), bool)
        match where.axis:
            case "all":
                return everything
            case "layer":
                layer = self.row // case.D
                wrong = {"first": layer == 0, "upper": layer > 0, "last": layer == case.layers - 1}[where.part]
                return everything if wrong else None
            case "direction":
                return everything if case.reverse(self.direction) == (where.part == "reverse") else None
            case "gate":
                among = np.arange(4) == GATES.index(where.part)
                if "K" in axes:
                    return self._along(axes, "K", among, shape)
                return everything if gate is not None and among[gate] else None
            case "calls":
                return self._along(axes, "B", np.arange(case.B) >= (case.calls or (case.B,))[0], shape)
            case "blocks":
                later = np.arange(case.T) >= (case.blocks or (case.T,))[0]
            case "steps":
                later = self._steps()
            case "rows":
                return self._along(axes, "B", where.in_parts(case.calls or (case.B,)), shape)
            case name:
                letter = AXES[name]
                return self._along(axes, letter, where.among(shape[axes.index(letter)]), shape)
        if "T" in axes:
            return self._along(axes, "T", later, shape)
        return everything if self.step_at is not None and later[self.step_at] else None

    def _steps(self) -> Array:
        if self.direction not in self._among_steps:
            places = [self.place(t) for t in range(self.case.T)]
            among = {size: self.locality.among(size) for _, size in places}
            self._among_steps[self.direction] = np.array([among[size][at] for at, size in places], bool)
        return self._among_steps[self.direction]

    def _along(self, axes: str, letter: str, among: Array, shape: tuple[int, ...]) -> Array | None:
        if letter not in axes or not among.any():
            return None
        axis = axes.index(letter)
        if shape[axis] != among.size:  # one row of several, in a computation that sees them apart
            return None
        return among.reshape([among.size if n == axis else 1 for n in range(len(shape))])

    def _one_step_earlier(self, axes: str, value: Array, gate: int | None) -> Array:
        if "T" not in axes:
            return self._before.get((self.row, gate, axes, value.shape), value)
        axis, steps = axes.index("T"), np.arange(value.shape[axes.index("T")])
        step = 1 if self.case.reverse(self.direction) else -1
        return np.asarray(np.take(value, np.clip(steps + step, 0, steps[-1]), axis=axis))


class _Told(Sequence[int]):
    """Steps that tell the computation, one by one as it takes them, at which it is."""

    def __init__(self, steps: Sequence[int], traced: Traced) -> None:
        self._steps = steps
        self._traced = traced

    def __iter__(self) -> Iterator[int]:
        for t in self._steps:
            self._traced.step_at = t
            yield t

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: Any) -> Any:
        return self._steps[index]
