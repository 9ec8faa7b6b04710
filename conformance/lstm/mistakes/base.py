"""`Mistake`: one way to get an LSTM wrong, as data and as the wrong computation; `Axis` collects mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.gradients import completed
from conformance.lstm.reference import Reference

Variant = TypeVar("Variant", bound=type[Reference])
Method = TypeVar("Method", bound=Callable[..., Any])
Kept = Literal["y", "finals"]
ORDER = ("run", "layer", "scan", "joined", "left_out")
"""The methods that determine which h becomes which y, and which state which final state."""


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


def keeps(*what: Kept) -> Callable[[Method], Method]:
    """A decorator for a method of `ORDER` in a variant: what it leaves as the steps and layers compute it.

    y: h of each valid step of the top layer is the answer's y of that step. Where a stream is run block by block, steps
    are counted from the block's first one, `begins`. finals: the final states that a layer returns are its rows of h_n
    and c_n.

    A diagnosis may then compare the computation with an answer while it goes on. A method without it keeps nothing.
    """

    def mark(method: Method) -> Method:
        method.keeps = frozenset(what)  # type: ignore[attr-defined]
        return method

    return mark


_KEPT: dict[type[Reference], frozenset[Kept]] = {}


def kept(variant: type[Reference]) -> frozenset[Kept]:
    """What every method of a variant keeps, see `keeps`."""
    if variant not in _KEPT:
        found: frozenset[Kept] = frozenset(("y", "finals"))
        for method in [methods[name] for methods in _own(variant) for name in ORDER if name in methods]:
            found &= getattr(method, "keeps", frozenset())
        _KEPT[variant] = found
    return _KEPT[variant]


def replaced(variant: type[Reference], right: type[Reference] = Reference) -> set[str]:
    """The methods of the reference, or of another right computation, that a variant replaces."""
    own = {name for methods in _own(variant, right) for name, value in methods.items() if callable(value)}
    return {name for name in own if name == "__init__" or (name[:2] != "__" and hasattr(right, name))}


def _own(variant: type[Reference], right: type[Reference] = Reference) -> list[Mapping[str, Any]]:
    """What the classes define that make a variant of a right computation."""
    return [vars(kind) for kind in variant.__mro__ if kind not in right.__mro__]


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
