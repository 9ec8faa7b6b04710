"""`Mistake`: one way to get an LSTM wrong, as data and as the wrong computation; `Axis` collects mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.gradients import completed
from conformance.lstm.reference import Reference

Variant = TypeVar("Variant", bound=type[Reference])


@dataclass(frozen=True)
class Mistake:
    """One entry of the catalogue.

    id: as printed, and as named by deviations. axis: the part of the LSTM it belongs to. what: what is done wrong, a
    phrase that continues the word "it". variant: the reference with that one thing done wrong. link: a real framework's
    bug of this kind. applies: whether the mistake can be made on a case; cheap, and never false if the answer would
    differ.

    precision: for a mistake of precision, the format it computes in; its digits are good only to that format.
    approximate: it stands for a kind of error whose digits differ between implementations, so an answer can resemble it
    in size but not reproduce it.
    systematic: its errors are within the tolerance, but point one way, so that only their mean shows them
    (conformance.verdict.bias).
    shortens: it returns fewer rows or steps than it should; NaN is appended in place of the missing ones.
    """

    id: str
    axis: str
    what: str
    variant: type[Reference]
    link: str | None = None
    applies: Callable[[Case], bool] = lambda case: True
    precision: str | None = None
    approximate: bool = False
    systematic: bool = False
    shortens: bool = False

    def outputs(self, case: Case, arrays: Arrays) -> Outputs:
        """The wrong answer, in the dtype of the arrays."""
        with np.errstate(all="ignore"):  # a wrong computation may divide by zero
            return completed(self.variant, case, arrays)


class Axis:
    """The mistakes of one part of the LSTM. Calling it gives a decorator that registers a class as a mistake's variant.

    A variant replaces the narrowest method of the reference that it can and leaves the rest to super(), so that
    `type("Both", (A, B), {})` makes two mistakes at once.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._mistakes: list[Mistake] = []

    def __call__(
        self,
        id: str,
        what: str,
        link: str | None = None,
        *,
        applies: Callable[[Case], bool] = lambda case: True,
        precision: str | None = None,
        approximate: bool = False,
        systematic: bool = False,
        shortens: bool = False,
    ) -> Callable[[Variant], Variant]:
        """A decorator that registers a variant; the arguments are the other fields of `Mistake`."""

        def enter(variant: Variant) -> Variant:
            entry = Mistake(id, self.name, what, variant, link, applies, precision, approximate, systematic, shortens)
            self._mistakes.append(entry)
            return variant

        return enter

    def __iter__(self) -> Iterator[Mistake]:
        return iter(self._mistakes)


def cut_short(array: Array, rows: int) -> Array:
    """An array with too few rows, filled up with NaN to `rows` rows: what a mistake that shortens returns."""
    missing = np.full((rows - len(array), *array.shape[1:]), np.nan, array.dtype)
    return np.concatenate([array, missing])


def as_if(**fields: Any) -> type[Reference]:
    """The reference, computing the case with these options changed."""

    class AsIf(Reference):
        def __init__(self, case: Case) -> None:
            super().__init__(case.model_copy(update=fields))

    return AsIf
