"""`Numbers`: a wrong answer's tensors as one row of numbers, and how far other rows are from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.tensors import Array
from conformance.verdict.answer import Answer
from conformance.verdict.noise import allowed, error, times, unit


class Numbers:
    """A wrong answer, with its tensors as one row of numbers.

    If the forward pass is wrong, gradients are wrong as its consequence, so they are left out.

    The unit of an element is that of its golden value or of the answer, whichever is larger, because a mistake may
    produce larger numbers than the right ones.

    forward: whether the forward pass is wrong. got, golden, unit, allowed (N,): the answer, the golden values, the
    noise unit and the largest error that counts as right. y, y_allowed (T, B, D*P): the same of y. wrong: the answer's
    distance from the golden values.
    """

    def __init__(self, answer: Answer) -> None:
        case, self.precision, self.judged = answer.case, answer.precision, answer.under_contracts()
        self.forward = case.gradients is None or _forward_is_wrong(self.judged)
        self.case = case = case.model_copy(update={"gradients": None}) if self.forward else case
        self.shapes = case.outputs
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()]).tolist()
        self._parts = dict(zip(self.shapes, map(slice, [0, *ends], ends), strict=False))
        units, largest, sizes = {}, {}, {}
        for name in self.shapes:
            larger = self.judged.larger(name)
            units[name] = unit(larger, self.judged.kappa[name], self.precision)
            largest[name] = self.judged.allowed(name)
            sizes[name] = np.full(larger.shape, np.max(np.abs(larger), initial=0.0) * np.sqrt(max(larger.size, 1)))
        self.got, self.golden = self.row(self.judged.outputs), self.row(self.judged.golden)
        self.unit, self.allowed, self._size = self.row(units), self.row(largest), self.row(sizes)
        self.y, self.y_allowed = self.judged.outputs["y"].astype(np.float64), largest["y"]
        self.noise_allowed = case.tolerance.terms(self.precision).get("noise", NOISE_ALLOWED[self.precision])
        self.wrong = self.distance(self.got, self.golden)

    def row(self, tensors: Mapping[str, Array]) -> Array:
        """All tensors concatenated.

        Raises:
            ValueError: one does not have the shape of the case.
        """
        if any(tensors[name].shape != shape for name, shape in self.shapes.items()):
            raise ValueError
        return np.concatenate([tensors[name].astype(np.float64).reshape(-1) for name in self.shapes])

    def tensor(self, row: Array, name: str) -> Array:
        """One tensor of a row of all numbers, with its shape."""
        return row[self._parts[name]].reshape(self.shapes[name])

    def distance(self, a: Array, b: Array) -> float:
        """The worst error as a multiple of what is allowed: up to 1, the two are the same answer."""
        return float(np.max(times(error(a, b), self.allowed), initial=0.0))

    def noise(self, a: Array, b: Array, units: Array | None = None) -> float:
        """The worst error in noise units, or in other units for each element."""
        return float(np.max(times(error(a, b), self.unit if units is None else units), initial=0.0))

    def largest_of_tensor(self, values: Array) -> Array:
        """For each element, the largest value of its tensor."""
        largest = [np.full(part.stop - part.start, np.max(values[part], initial=0.0)) for part in self._parts.values()]
        return np.concatenate(largest)

    def cosine(self, one: Array, other: Array) -> float:
        """The cosine between two errors, each element in its own unit; elements that are not finite are left out."""
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b = one / self.unit, other / self.unit
            both = np.isfinite(a) & np.isfinite(b)
            a, b = a[both], b[both]
            cosine = float(a @ b / np.sqrt((a @ a) * (b @ b)))
        return cosine if math.isfinite(cosine) else 0.0

    def spread(self, errors: Array) -> Array:
        """For each element, the largest error over all batch rows and units of its step or state."""
        shaped = [self.tensor(errors, name) for name in self.shapes]
        axes = [tuple(range(max(a.ndim - 2, 0), a.ndim)) for a in shaped]  # a loss has no axis, a bias has one
        largest = [
            np.broadcast_to(np.max(a, axis=axis, keepdims=True, initial=0.0), a.shape)
            for a, axis in zip(shaped, axes, strict=True)
        ]
        return np.concatenate([a.reshape(-1) for a in largest])

    def effect(self, wrong: Array) -> Array:
        """An answer's difference from the golden one, with equal weight for every tensor; 0 where it is not finite."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return clipped((wrong - self.golden) / self._size)


def clipped(effect: Array) -> Array:
    """An effect within bounds that keep sums and products of several finite."""
    return np.clip(np.where(np.isfinite(effect), effect, 0.0), -1e3, 1e3)


def _forward_is_wrong(judged: Answer) -> bool:
    """Whether anything but a gradient is wrong."""
    case = judged.case
    return any(
        np.any(
            error(judged.outputs[name].astype(np.float64), judged.golden[name])
            > allowed(judged.golden[name], judged.kappa[name], case.tolerance, judged.precision, case.np_dtype)
        )
        for name in case.outputs
        if not name.startswith("d_")
    )
