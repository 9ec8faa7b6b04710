"""`Mistake`: one way to get an LSTM wrong, as data and as the wrong computation itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.case.model import Case
from conformance.case.tensors import Arrays, Outputs
from conformance.lstm.reference import Reference


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
    """

    id: str
    axis: str
    what: str
    variant: type[Reference]
    link: str | None = None
    applies: Callable[[Case], bool] = lambda case: True
    precision: str | None = None
    approximate: bool = False

    def outputs(self, case: Case, arrays: Arrays) -> Outputs:
        """The wrong answer, in the dtype of the arrays."""
        return self.variant(case).run(arrays)
