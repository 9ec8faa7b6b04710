"""`Mistake`: one way to get an LSTM wrong, as data and as the wrong computation itself; `Axis` collects them."""

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

    id: as it is printed, and named by deviations. axis: the part of the LSTM it belongs to. what: what is done wrong,
    a phrase that goes on from "it". variant: the reference with that one thing done wrong. link: a real framework's bug
    of this kind. applies: whether the case has what it takes for the mistake to be made at all; cheap, and never false
    where the answer would differ.

    precision: the format it computes in, for a mistake of precision: its own digits are good to that format only.
    approximate: it stands for a kind of error whose digits are each implementation's own, so that an answer can be
    no more than as wrong as this.
    shortens: it returns fewer rows or steps than there are to be; what is missing is NaN, behind what is there.
    """

    id: str
    axis: str
    what: str
    variant: type[Reference]
    link: str | None = None
    applies: Callable[[Case], bool] = lambda case: True
    precision: str | None = None
    approximate: bool = False
    shortens: bool = False

    def outputs(self, case: Case, arrays: Arrays) -> Outputs:
        """The wrong answer, in the dtype of the arrays."""
        with np.errstate(all="ignore"):  # a wrong computation may well divide by zero
            return completed(self.variant, case, arrays)


class Axis:
    """The mistakes of one part of the LSTM. Called, it enters the class that follows as the variant of a new mistake.

    Variants replace as narrow a method of the reference as they can and leave the rest to super(), so that
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
        shortens: bool = False,
    ) -> Callable[[Variant], Variant]:
        """A decorator that takes the other fields of `Mistake`."""

        def enter(variant: Variant) -> Variant:
            entry = Mistake(id, self.name, what, variant, link, applies, precision, approximate, shortens)
            self._mistakes.append(entry)
            return variant

        return enter

    def __iter__(self) -> Iterator[Mistake]:
        return iter(self._mistakes)


def cut_short(array: Array, rows: int) -> Array:
    """An array of fewer rows than it is to have, with NaN behind them: what a mistake that shortens returns."""
    missing = np.full((rows - len(array), *array.shape[1:]), np.nan, array.dtype)
    return np.concatenate([array, missing])


def as_if(**fields: Any) -> type[Reference]:
    """The reference of the case with other options than it has."""

    class AsIf(Reference):
        def __init__(self, case: Case) -> None:
            super().__init__(case.model_copy(update=fields))

    return AsIf
